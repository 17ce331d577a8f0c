-- Indexes that serve only statements which ask for them, by naming their condition; it holds for every row. Of a
-- project that ANALYZE has not met the planner believes that it has no rows: any index that begins with the project
-- was as good to it as the key, and each of thousands of events was sought among all that the project has.
DROP INDEX events_by_time;
CREATE INDEX events_by_time ON events (project_key, received_at, event_id) WHERE received_at > '-infinity';
DROP INDEX inbox_due;
CREATE INDEX inbox_due ON inbox (project_key, run_at) WHERE run_at > '-infinity';
