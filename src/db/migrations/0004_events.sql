-- Events: loose JSON, each stored once, raw beside what was read from it; what is added up; the ledger.
-- Texts compare byte by byte, so that their order is the same everywhere. No foreign keys and no triggers, as
-- with results.

CREATE TABLE events (
  project_key bigint NOT NULL,
  -- The first 16 bytes of a SHA-256 of the idempotency key, or of the content as sent.
  event_id bytea NOT NULL CHECK (octet_length(event_id) = 16),
  -- 1 QUEUED, 2 PROCESSED.
  state smallint NOT NULL CHECK (state BETWEEN 1 AND 2),
  received_at timestamptz NOT NULL DEFAULT now(),
  -- Of an event that was queued: when it was processed.
  processed_at timestamptz,
  occurred_at timestamptz NOT NULL,
  amount numeric NOT NULL,
  -- Of the statement that stored it: its row of the ledger.
  batch_key bigint NOT NULL,
  -- Of the content as sent, where the id is made of an idempotency key: tells a repeat from a conflict.
  content_hash bytea CHECK (octet_length(content_hash) = 16),
  normalizer_version smallint NOT NULL,
  client text COLLATE "C" NOT NULL CHECK (octet_length(client) BETWEEN 1 AND 512),
  metric text COLLATE "C" NOT NULL CHECK (octet_length(metric) BETWEEN 1 AND 512),
  path text COLLATE "C" CHECK (octet_length(path) BETWEEN 1 AND 1024),
  user_id text COLLATE "C" CHECK (octet_length(user_id) BETWEEN 1 AND 512),
  idempotency_key text CHECK (octet_length(idempotency_key) BETWEEN 1 AND 128),
  -- A JSON object with sorted keys; NULL where there is none. Text, because only people read it.
  attributes text,
  -- [{"code", "field", "description"}]; NULL where there is none.
  warnings text,
  warnings_truncated boolean NOT NULL DEFAULT false,
  raw bytea NOT NULL,
  PRIMARY KEY (project_key, event_id)
);
-- Serves aggregates without the rows.
CREATE INDEX events_by_client ON events (project_key, client, metric, occurred_at) INCLUDE (amount)
  WHERE state = 2;
CREATE INDEX events_by_time ON events (project_key, received_at, event_id);

-- Events that wait to be processed. A worker takes one by moving run_at to the end of its lease.
CREATE TABLE inbox (
  project_key bigint NOT NULL,
  event_id bytea NOT NULL,
  run_at timestamptz NOT NULL DEFAULT now(),
  queued_at timestamptz NOT NULL DEFAULT now(),
  -- Attempts that have begun.
  attempts smallint NOT NULL DEFAULT 0,
  -- Of the worker that took it last.
  lease_key bigint,
  -- Attempts that are to fail, for tests: see TALLY_FAULTS.
  failing_attempts smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (project_key, event_id)
);
CREATE INDEX inbox_due ON inbox (project_key, run_at);

-- The ledger: what one statement did for one call and client. Append-only.
CREATE TABLE event_batches (
  project_key bigint NOT NULL,
  batch_key bigint NOT NULL,
  -- '' where it could not be read.
  client text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  token_id text NOT NULL,
  processed_count integer NOT NULL CHECK (processed_count >= 0),
  queued_count integer NOT NULL CHECK (queued_count >= 0),
  duplicate_count integer NOT NULL CHECK (duplicate_count >= 0),
  conflict_count integer NOT NULL CHECK (conflict_count >= 0),
  rejected_count integer NOT NULL CHECK (rejected_count >= 0),
  PRIMARY KEY (project_key, batch_key, client)
);
CREATE INDEX event_batches_by_time ON event_batches (project_key, created_at);
-- The ledger of results by time, for the same question.
CREATE INDEX batches_by_time ON batches (project_key, created_at);

-- Steps of single events that their batch does not tell: attempts, and what was read anew. Append-only.
CREATE TABLE processing_log (
  project_key bigint NOT NULL,
  event_id bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- 3 ATTEMPT_FAILED, 4 REPROCESSED, 5 REJECTED.
  step smallint NOT NULL CHECK (step BETWEEN 3 AND 5),
  detail text NOT NULL,
  actor text NOT NULL
);
CREATE INDEX processing_log_by_event ON processing_log (project_key, event_id, created_at);

-- What the fold job has yet to take into the figures of events; deleted by the statement that folds it.
CREATE TABLE event_fold_queue (
  project_key bigint NOT NULL,
  client text COLLATE "C" NOT NULL,
  metric text COLLATE "C" NOT NULL,
  batch_key bigint NOT NULL,
  -- 1 adds, -1 takes away what an event was before it was read anew.
  weight smallint NOT NULL CHECK (weight IN (-1, 1)),
  days date[] NOT NULL,
  paths text[] NOT NULL,
  users text[] NOT NULL,
  PRIMARY KEY (project_key, client, metric, batch_key, weight)
);
ALTER TABLE event_fold_queue
  ALTER COLUMN days SET STORAGE EXTERNAL,
  ALTER COLUMN paths SET STORAGE EXTERNAL,
  ALTER COLUMN users SET STORAGE EXTERNAL;

-- Folded figures. The day -infinity stands for all time. Rows of zero views may remain, and count for nothing.
CREATE TABLE event_days (
  project_key bigint NOT NULL,
  client text COLLATE "C" NOT NULL,
  metric text COLLATE "C" NOT NULL,
  day date NOT NULL,
  views bigint NOT NULL,
  -- Users with at least one view.
  users bigint NOT NULL,
  PRIMARY KEY (project_key, client, metric, day)
);
CREATE TABLE event_users (
  project_key bigint NOT NULL,
  client text COLLATE "C" NOT NULL,
  metric text COLLATE "C" NOT NULL,
  day date NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  -- For all time: on how many days the user has views.
  views bigint NOT NULL,
  PRIMARY KEY (project_key, client, metric, day, user_id)
);
CREATE TABLE event_paths (
  project_key bigint NOT NULL,
  client text COLLATE "C" NOT NULL,
  metric text COLLATE "C" NOT NULL,
  day date NOT NULL,
  path text COLLATE "C" NOT NULL,
  views bigint NOT NULL,
  PRIMARY KEY (project_key, client, metric, day, path)
);
CREATE INDEX event_paths_top ON event_paths (project_key, client, metric, day, views DESC, path);

-- Refused events: found by their id, and when one like them passes.
CREATE INDEX rejections_by_event ON rejections (project_key, result_id) WHERE kind = 3;
CREATE INDEX rejections_open_events ON rejections (project_key) WHERE kind = 3 AND state = 1;
-- Sent again with the item when it is replayed; empty where there was none.
ALTER TABLE rejections ADD COLUMN idempotency_key text NOT NULL DEFAULT '';
