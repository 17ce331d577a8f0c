-- Runs, their parts, tests, results, the ledger of batches and the refusals.
-- project_key leads every key, so that uniqueness never crosses tenants and the tables can be distributed
-- by it. results, batches and fold_queue have no foreign key and no trigger: two foreign keys made the insert
-- 2.8 times slower.

CREATE TABLE runs (
  project_key bigint NOT NULL,
  run_key bigint GENERATED ALWAYS AS IDENTITY,
  run_id text NOT NULL CHECK (octet_length(run_id) BETWEEN 1 AND 256),
  -- The UTC day it was first stored: it fixes the partition of its results, whenever they come.
  run_day date NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- 63 random bits of the call that stored it: after a lost COMMIT the same call knows its own run.
  open_key bigint NOT NULL,
  -- Facts of the first write; '' is absent.
  repository_url text NOT NULL DEFAULT '',
  commit_sha text NOT NULL DEFAULT '',
  tree_sha text NOT NULL DEFAULT '',
  branch text NOT NULL DEFAULT '',
  base_branch text NOT NULL DEFAULT '',
  change_id text NOT NULL DEFAULT '',
  dirty boolean NOT NULL DEFAULT false,
  ci_provider text NOT NULL DEFAULT '',
  ci_pipeline text NOT NULL DEFAULT '',
  ci_build_id text NOT NULL DEFAULT '',
  ci_build_url text NOT NULL DEFAULT '',
  framework text NOT NULL DEFAULT '',
  labels jsonb NOT NULL DEFAULT '{}',
  started_at timestamptz NOT NULL,
  -- Whether a client gave started_at: only then a repeat is compared with it.
  start_given boolean NOT NULL,
  -- FinishRun's word.
  closed_at timestamptz,
  closed_status smallint CHECK (closed_status BETWEEN 1 AND 4),
  closed_expected_count bigint CHECK (closed_expected_count >= 0),
  closed_finish_time timestamptz,
  abandoned_at timestamptz,
  -- For filters: answers derive the state from the parts and the ledger. 1 RUNNING, 2 FINISHED,
  -- 3 INCOMPLETE, 4 ABANDONED. A statement that may change it raises state_version and sets unsettled_at;
  -- who has derived it from that version clears the mark.
  state smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 4),
  state_version bigint NOT NULL DEFAULT 0,
  unsettled_at timestamptz,
  -- A run is a tombstone from here on; its run_id stays taken.
  deleted_at timestamptz,
  -- Its raw rows left by retention; a late resend is never counted again.
  expired_at timestamptz,
  -- The background deletion has removed everything that hung on it.
  purged_at timestamptz,
  PRIMARY KEY (project_key, run_key),
  UNIQUE (project_key, run_id)
);
CREATE INDEX runs_by_time ON runs (project_key, created_at DESC, run_id DESC) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_branch ON runs (project_key, branch, created_at DESC, run_id DESC)
  WHERE deleted_at IS NULL;
CREATE INDEX runs_by_state ON runs (project_key, state, created_at DESC, run_id DESC)
  WHERE deleted_at IS NULL;
CREATE INDEX runs_unsettled ON runs (project_key, unsettled_at) WHERE unsettled_at IS NOT NULL;
-- What the jobs look for.
CREATE INDEX runs_running ON runs (created_at) WHERE state = 1 AND deleted_at IS NULL;
CREATE INDEX runs_to_purge ON runs (project_key) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

CREATE TABLE run_parts (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  -- The first 16 bytes of SHA-256 over the length-prefixed job, attempt, shard_index and producer.
  part_id bytea NOT NULL CHECK (octet_length(part_id) = 16),
  job text NOT NULL,
  attempt integer NOT NULL CHECK (attempt >= 1),
  shard_index integer NOT NULL CHECK (shard_index >= 0),
  shard_total integer NOT NULL CHECK (shard_total >= shard_index),
  producer text NOT NULL,
  -- A stream opened it: it is complete only with a finish frame.
  streamed boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Facts of the first finish.
  finished_at timestamptz,
  finish_status smallint CHECK (finish_status BETWEEN 1 AND 4),
  finish_time timestamptz,
  duration_us bigint CHECK (duration_us >= 0),
  expected_count bigint CHECK (expected_count >= 0),
  PRIMARY KEY (project_key, run_key, part_id)
);

CREATE TABLE tests (
  project_key bigint NOT NULL,
  test_key bigint GENERATED ALWAYS AS IDENTITY,
  -- The first 16 bytes of SHA-256 over the length-prefixed identity.
  test_id bytea NOT NULL CHECK (octet_length(test_id) = 16),
  suite text NOT NULL,
  file text NOT NULL,
  name text NOT NULL,
  parameters text NOT NULL,
  variant jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_key, test_key),
  UNIQUE (project_key, test_id)
);

-- How many tests a project has: what bounds them.
CREATE TABLE test_counts (
  project_key bigint PRIMARY KEY,
  test_count bigint NOT NULL CHECK (test_count >= 0)
);

-- The order of the columns leaves no padding between them.
CREATE TABLE results (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  test_key bigint NOT NULL,
  batch_key bigint NOT NULL,
  duration_us bigint CHECK (duration_us >= 0),
  start_time timestamptz,
  run_day date NOT NULL,
  status smallint NOT NULL CHECK (status BETWEEN 1 AND 5),
  attempt smallint NOT NULL CHECK (attempt >= 1),
  result_id text NOT NULL,
  failure_message text,
  -- A TestResult in canonical protobuf bytes, of the fields that have no column.
  details bytea,
  PRIMARY KEY (project_key, run_day, run_key, test_key, result_id)
) PARTITION BY RANGE (run_day);
CREATE INDEX results_failures ON results (project_key, run_day, run_key) WHERE status IN (2, 3);

-- Creates the partition of a month, once, whoever else tries; attaching takes no lock that stops writers.
-- Who comes second waits for the first and then fails to create it: by then it is whole.
CREATE FUNCTION ensure_results_partition(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  first_day date := date_trunc('month', month)::date;
  partition text := 'results_' || to_char(first_day, 'YYYY_MM');
BEGIN
  IF to_regclass(partition) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE results INCLUDING ALL)', partition);
  EXECUTE format(
    'ALTER TABLE results ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    partition, first_day, (first_day + interval '1 month')::date
  );
EXCEPTION
  -- The second one comes from the catalogue's own keys.
  WHEN duplicate_table OR unique_violation THEN
    NULL;
END
$$;

-- The ledger: what one statement did to one part of one run. Append-only; totals are sums over it.
CREATE TABLE batches (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  batch_key bigint NOT NULL,
  part_id bytea NOT NULL,
  token_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- The part had finished before.
  late boolean NOT NULL,
  accepted_count integer NOT NULL CHECK (accepted_count >= 0),
  duplicate_count integer NOT NULL CHECK (duplicate_count >= 0),
  -- Of the duplicates, those that another part had stored.
  foreign_count integer NOT NULL CHECK (foreign_count BETWEEN 0 AND duplicate_count),
  conflict_count integer NOT NULL CHECK (conflict_count >= 0),
  rejected_count integer NOT NULL CHECK (rejected_count >= 0),
  passed_count integer NOT NULL CHECK (passed_count >= 0),
  failed_count integer NOT NULL CHECK (failed_count >= 0),
  errored_count integer NOT NULL CHECK (errored_count >= 0),
  skipped_count integer NOT NULL CHECK (skipped_count >= 0),
  precluded_count integer NOT NULL CHECK (precluded_count >= 0),
  duration_us bigint NOT NULL CHECK (duration_us >= 0),
  PRIMARY KEY (project_key, run_key, batch_key),
  CHECK (accepted_count = passed_count + failed_count + errored_count + skipped_count + precluded_count)
);

-- What the fold job has yet to take into the figures of tests; deleted by the statement that folds it.
CREATE TABLE fold_queue (
  project_key bigint NOT NULL,
  run_key bigint NOT NULL,
  batch_key bigint NOT NULL,
  test_keys bigint[] NOT NULL,
  statuses smallint[] NOT NULL,
  durations bigint[] NOT NULL,
  PRIMARY KEY (project_key, run_key, batch_key)
);
-- Short-lived and written on the hot path: compressing them took a tenth of the statement.
ALTER TABLE fold_queue
  ALTER COLUMN test_keys SET STORAGE EXTERNAL,
  ALTER COLUMN statuses SET STORAGE EXTERNAL,
  ALTER COLUMN durations SET STORAGE EXTERNAL;

CREATE TABLE rejections (
  project_key bigint NOT NULL,
  -- The first 16 bytes of SHA-256 over the length-prefixed kind, run_id, key and bytes.
  rejection_id bytea NOT NULL CHECK (octet_length(rejection_id) = 16),
  -- 1 RESULT, 2 RUN, 3 EVENT, 4 FINISH.
  kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
  -- 1 INVALID, 2 CONFLICT, 3 UNSTORABLE, 4 TOO_MANY_TESTS, 5 PROCESSING_FAILED.
  reason smallint NOT NULL CHECK (reason BETWEEN 1 AND 5),
  -- 1 OPEN, 2 RESOLVED, 3 DISMISSED.
  state smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 3),
  -- [{"field", "description"}], up to 32; the protobuf bytes below may hold what jsonb cannot.
  violations jsonb NOT NULL,
  violations_truncated boolean NOT NULL,
  -- The run it was sent to, as given: it need not exist. Empty for events.
  run_id text NOT NULL,
  -- The run it belongs to, where there is one.
  run_key bigint,
  part_id bytea,
  -- A Part in protobuf bytes.
  part bytea NOT NULL,
  item_index bigint NOT NULL CHECK (item_index >= 0),
  result_id text NOT NULL,
  -- The refused item, whole; NULL some time after it was closed.
  bytes bytea,
  client text NOT NULL,
  repeat_count bigint NOT NULL DEFAULT 1 CHECK (repeat_count >= 1),
  -- Of the statement that refused it last: the same one, sent again, does not count again.
  batch_key bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz CHECK ((closed_at IS NULL) = (state = 1)),
  closed_by text NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT '',
  PRIMARY KEY (project_key, rejection_id)
);
CREATE INDEX rejections_by_time ON rejections (project_key, created_at DESC, rejection_id DESC);
CREATE INDEX rejections_by_state ON rejections (project_key, state, created_at DESC, rejection_id DESC);
CREATE INDEX rejections_closed ON rejections (closed_at) WHERE state <> 1 AND bytes IS NOT NULL;
CREATE INDEX rejections_by_run ON rejections (project_key, run_key) WHERE run_key IS NOT NULL;

-- Bytes of open refusals a project keeps. The CHECK makes the statement that would exceed the bound fail
-- as a whole.
CREATE TABLE rejection_usage (
  project_key bigint PRIMARY KEY,
  kept_bytes bigint NOT NULL CHECK (kept_bytes >= 0),
  max_bytes bigint NOT NULL,
  CONSTRAINT rejection_quota CHECK (kept_bytes <= max_bytes)
);
