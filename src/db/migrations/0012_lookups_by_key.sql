-- More indexes that serve only statements which name their condition, see 0006: in a project that ANALYZE has not met,
-- each test of a step of folding was sought among all that the project has.
DROP INDEX test_windows_by_day;
CREATE INDEX test_windows_by_day ON test_windows (project_key, day) WHERE day > '-infinity';
DROP INDEX batches_by_time;
CREATE INDEX batches_by_time ON batches (project_key, created_at) WHERE created_at > '-infinity';
DROP INDEX event_batches_by_time;
CREATE INDEX event_batches_by_time ON event_batches (project_key, created_at) WHERE created_at > '-infinity';

-- Tests by their id: an index that no other begins like.
ALTER TABLE tests
  DROP CONSTRAINT IF EXISTS tests_project_key_test_id_key,
  DROP CONSTRAINT IF EXISTS tests_by_id,
  ADD CONSTRAINT tests_by_id UNIQUE (test_id, project_key);
