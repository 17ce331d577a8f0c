-- Figures of runs, tests and failures. All but the runs' own columns are folded from fold_queue, each row of it exactly
-- once: its deletion and what it adds are one statement. docs/stats.md states what the figures mean.
-- No foreign keys and no triggers, as with results. Sums of durations are numeric: 30,000 results of ten years each
-- pass a bigint.

ALTER TABLE runs
  -- When the run counts: its start, but no later than its receipt.
  ADD COLUMN counted_at timestamptz NOT NULL GENERATED ALWAYS AS (LEAST(started_at, created_at)) STORED,
  -- Derived and stored with the state; NULL where there is none. 1 PASSED to 4 SKIPPED.
  ADD COLUMN status smallint CHECK (status BETWEEN 1 AND 4),
  -- Derived and stored with the state; NULL while the run has not ended.
  ADD COLUMN finished_at timestamptz,
  -- When they were stored: what watchers of runs look for.
  ADD COLUMN settled_at timestamptz,
  -- Set with a state of a run that may lack tests: they have to be found.
  ADD COLUMN missing_due_at timestamptz,
  -- For which state_version they were found last, and how many there were.
  ADD COLUMN missing_version bigint,
  ADD COLUMN missing_count bigint;
-- Runs that have ended get their status and finish from the job of unsettled runs.
UPDATE runs SET unsettled_at = now() WHERE state IN (2, 3) AND deleted_at IS NULL AND unsettled_at IS NULL;

DROP INDEX runs_by_time, runs_by_branch, runs_by_state, runs_to_purge;
-- Counts runs of a window without their rows.
CREATE INDEX runs_by_time ON runs (project_key, counted_at DESC, run_id DESC)
  INCLUDE (branch, state, status, finished_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_branch ON runs (project_key, branch, counted_at DESC, run_id DESC)
  INCLUDE (state, status, finished_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_state ON runs (project_key, state, counted_at DESC, run_id DESC) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_status ON runs (project_key, status, counted_at DESC, run_id DESC) WHERE deleted_at IS NULL;
CREATE INDEX runs_to_purge ON runs (project_key, run_key) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
CREATE INDEX runs_by_settling ON runs (project_key, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX runs_missing_due ON runs (project_key, missing_due_at)
  WHERE missing_due_at IS NOT NULL AND deleted_at IS NULL;
-- Runs of the same code, in the order in which they count.
CREATE INDEX runs_by_commit ON runs (project_key, commit_sha, counted_at, run_key)
  WHERE commit_sha <> '' AND deleted_at IS NULL;
CREATE INDEX runs_by_tree ON runs (project_key, tree_sha, counted_at, run_key)
  WHERE tree_sha <> '' AND deleted_at IS NULL;

-- In the order of a run's results, so that a page of its failures reads no others.
DROP INDEX results_failures;
CREATE INDEX results_failures ON results (project_key, run_day, run_key, test_key, result_id) WHERE status IN (2, 3);

-- Every row of the ledger has one of the queue until it is folded. Of rows that the ledger has not: weight -1 takes
-- away what a deleted run had, and 0 says that a run has got other facts: what of it is folded has to follow.
ALTER TABLE fold_queue
  ADD COLUMN weight smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN -1 AND 1),
  ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX fold_queue_changed_runs ON fold_queue (project_key, run_key) WHERE weight = 0;
INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
SELECT project_key, run_key, batch_key, '{}', '{}', '{}'
FROM batches
ON CONFLICT DO NOTHING;

-- Whoever folds a project raises version, and does nothing if somebody else has since it read what it adds to.
CREATE TABLE fold_states (
  project_key bigint PRIMARY KEY,
  version bigint NOT NULL DEFAULT 0
);

-- The facts by which what is folded of a run stands in the figures.
CREATE TABLE folded_runs (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  counted_at timestamptz NOT NULL,
  -- While its results move to another time or branch: where to, and the last one that has moved.
  next_counted_at timestamptz,
  moved_test_key bigint,
  dirty boolean NOT NULL,
  branch text COLLATE "C" NOT NULL,
  commit_sha text COLLATE "C" NOT NULL,
  tree_sha text COLLATE "C" NOT NULL,
  next_branch text COLLATE "C",
  moved_result_id text COLLATE "C",
  PRIMARY KEY (project_key, run_key)
);
CREATE INDEX folded_runs_moving ON folded_runs (project_key, run_key) WHERE next_counted_at IS NOT NULL;

-- Sums over the folded ledger of a part. Totals are these and what the queue still holds.
CREATE TABLE part_totals (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  part_id bytea NOT NULL,
  accepted_count bigint NOT NULL,
  duplicate_count bigint NOT NULL,
  foreign_count bigint NOT NULL,
  conflict_count bigint NOT NULL,
  rejected_count bigint NOT NULL,
  late_count bigint NOT NULL,
  passed_count bigint NOT NULL,
  failed_count bigint NOT NULL,
  errored_count bigint NOT NULL,
  skipped_count bigint NOT NULL,
  precluded_count bigint NOT NULL,
  duration_us numeric NOT NULL,
  -- A histogram of the durations of results that passed, failed or errored (src/stats/histogram.ts).
  durations bytea NOT NULL,
  PRIMARY KEY (project_key, run_key, part_id)
);

-- Results of runs by hour and day of the time they count at: for each branch, and for all of them.
CREATE TABLE project_periods (
  project_key bigint NOT NULL,
  -- 1 an hour, 2 a day.
  unit smallint NOT NULL CHECK (unit BETWEEN 1 AND 2),
  all_branches boolean NOT NULL,
  -- '' with all_branches; also the runs that have none.
  branch text COLLATE "C" NOT NULL,
  start_at timestamptz NOT NULL,
  passed_count bigint NOT NULL,
  failed_count bigint NOT NULL,
  errored_count bigint NOT NULL,
  skipped_count bigint NOT NULL,
  precluded_count bigint NOT NULL,
  duration_us numeric NOT NULL,
  durations bytea NOT NULL,
  PRIMARY KEY (project_key, unit, all_branches, branch, start_at)
);

-- A test on a UTC day, by the time its runs count at.
CREATE TABLE test_days (
  project_key bigint NOT NULL,
  test_key bigint NOT NULL,
  duration_us numeric NOT NULL,
  day date NOT NULL,
  passed_count integer NOT NULL,
  failed_count integer NOT NULL,
  errored_count integer NOT NULL,
  skipped_count integer NOT NULL,
  precluded_count integer NOT NULL,
  -- Failed results that a passed one contradicts.
  flaky_count integer NOT NULL,
  -- There were more runs than run_keys names.
  more_runs boolean NOT NULL,
  durations bytea NOT NULL,
  -- Newest 64 of its runs on that day by (counted_at, run_key): its history.
  run_keys bigint[] NOT NULL,
  PRIMARY KEY (project_key, test_key, day)
) WITH (fillfactor = 80);

-- A test over the last 1, 7, 30 and 90 days, of which "day" is the last. Lists sort by these: columns of fixed width come
-- first, where Postgres finds them without reading what stands before.
CREATE TABLE test_windows (
  project_key bigint NOT NULL,
  test_key bigint NOT NULL,
  -- The newest run that has a result of it, by (counted_at, run_key).
  last_run_key bigint NOT NULL,
  last_counted_at timestamptz NOT NULL,
  -- 0 where there is no duration.
  p95_us_1 bigint NOT NULL,
  p95_us_7 bigint NOT NULL,
  p95_us_30 bigint NOT NULL,
  p95_us_90 bigint NOT NULL,
  day date NOT NULL,
  passed_1 integer NOT NULL,
  passed_7 integer NOT NULL,
  passed_30 integer NOT NULL,
  passed_90 integer NOT NULL,
  failed_1 integer NOT NULL,
  failed_7 integer NOT NULL,
  failed_30 integer NOT NULL,
  failed_90 integer NOT NULL,
  errored_1 integer NOT NULL,
  errored_7 integer NOT NULL,
  errored_30 integer NOT NULL,
  errored_90 integer NOT NULL,
  skipped_1 integer NOT NULL,
  skipped_7 integer NOT NULL,
  skipped_30 integer NOT NULL,
  skipped_90 integer NOT NULL,
  precluded_1 integer NOT NULL,
  precluded_7 integer NOT NULL,
  precluded_30 integer NOT NULL,
  precluded_90 integer NOT NULL,
  flaky_1 integer NOT NULL,
  flaky_7 integer NOT NULL,
  flaky_30 integer NOT NULL,
  flaky_90 integer NOT NULL,
  -- Its worst status in last_run_key.
  last_status smallint NOT NULL,
  duration_us_1 numeric NOT NULL,
  duration_us_7 numeric NOT NULL,
  duration_us_30 numeric NOT NULL,
  duration_us_90 numeric NOT NULL,
  -- Histograms; that of one day is in test_days.
  durations_7 bytea NOT NULL,
  durations_30 bytea NOT NULL,
  durations_90 bytea NOT NULL,
  -- Its newest runs with a passed or failed result (src/stats/recent-runs.ts).
  recent bytea NOT NULL,
  PRIMARY KEY (project_key, test_key)
) WITH (fillfactor = 70);
-- Finds the rows whose windows have to move on.
CREATE INDEX test_windows_by_day ON test_windows (project_key, day);

-- Results that failed or errored, as far as they are folded. They stay when retention drops the results, for 90 days at
-- least.
CREATE TABLE failures (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  test_key bigint NOT NULL,
  fingerprint bigint NOT NULL,
  -- Of the run.
  counted_at timestamptz NOT NULL,
  status smallint NOT NULL CHECK (status IN (2, 3)),
  attempt smallint NOT NULL,
  -- A passed result of the same test, job and code contradicts it.
  contradicted boolean NOT NULL,
  result_id text COLLATE "C" NOT NULL,
  job text COLLATE "C" NOT NULL,
  -- Of the run, of results that failed; '' where it is dirty, and so tested no code that another run could have.
  commit_sha text COLLATE "C" NOT NULL,
  tree_sha text COLLATE "C" NOT NULL,
  PRIMARY KEY (project_key, run_key, test_key, result_id)
);
-- Failed results of the same code, those that nothing contradicts first.
CREATE INDEX failures_by_commit ON failures (project_key, commit_sha, contradicted, test_key)
  WHERE status = 2 AND commit_sha <> '';
CREATE INDEX failures_by_tree ON failures (project_key, tree_sha, contradicted, test_key)
  WHERE status = 2 AND tree_sha <> '';
CREATE INDEX failures_by_test ON failures (project_key, test_key, counted_at DESC) WHERE contradicted;
-- The first and the last failure of a group are at the ends.
CREATE INDEX failures_by_group
  ON failures (project_key, fingerprint, counted_at, run_key, test_key, result_id);

-- What a fingerprint stands for.
CREATE TABLE failure_groups (
  project_key bigint NOT NULL,
  fingerprint bigint NOT NULL,
  kind text NOT NULL,
  type text NOT NULL,
  masked_message text NOT NULL,
  PRIMARY KEY (project_key, fingerprint)
);
-- How many failures of a group a UTC day has.
CREATE TABLE failure_group_days (
  project_key bigint NOT NULL,
  day date NOT NULL,
  fingerprint bigint NOT NULL,
  failure_count bigint NOT NULL,
  PRIMARY KEY (project_key, day, fingerprint)
);
-- How many failures of a group a run has.
CREATE TABLE failure_group_runs (
  project_key bigint NOT NULL,
  fingerprint bigint NOT NULL,
  run_key bigint NOT NULL,
  counted_at timestamptz NOT NULL,
  failure_count bigint NOT NULL,
  PRIMARY KEY (project_key, fingerprint, run_key)
);
-- How many failures of a group a test has, and the newest run with one.
CREATE TABLE failure_group_tests (
  project_key bigint NOT NULL,
  fingerprint bigint NOT NULL,
  test_key bigint NOT NULL,
  last_counted_at timestamptz NOT NULL,
  failure_count bigint NOT NULL,
  PRIMARY KEY (project_key, fingerprint, test_key)
);

-- Tests that a run lacks, as they were found when it had this state_version: the first ones, in the order of answers.
CREATE TABLE missing_tests (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  state_version bigint NOT NULL,
  test_key bigint NOT NULL,
  -- The newest of the runs that had it.
  last_run_key bigint NOT NULL,
  place integer NOT NULL,
  job text NOT NULL,
  PRIMARY KEY (project_key, run_key, state_version, place)
);
