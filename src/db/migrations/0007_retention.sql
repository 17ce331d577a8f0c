-- Retention: what leaves with time, and what stays of it.

ALTER TABLE projects
  -- Days for which events are kept; 0 keeps them for ever.
  ADD COLUMN event_retention_days integer NOT NULL DEFAULT 0 CHECK (event_retention_days BETWEEN 0 AND 36500);

ALTER TABLE runs
  -- How far a run with expired_at has come: 1 its state is kept without its results; 2 results, ledger and missing
  -- tests have left; 3 its failures too.
  ADD COLUMN expire_step smallint NOT NULL DEFAULT 0 CHECK (expire_step BETWEEN 0 AND 3);
-- Finds the runs that are next, and the oldest. expire_step is 0 of all of them: only statements that name it are served,
-- and no look-up by key is misled.
CREATE INDEX runs_kept ON runs (project_key, run_day)
  WHERE expire_step = 0 AND expired_at IS NULL AND deleted_at IS NULL;
CREATE INDEX runs_expiring ON runs (project_key, expire_step, run_day)
  WHERE expired_at IS NOT NULL AND expire_step < 3 AND (deleted_at IS NULL OR purged_at IS NOT NULL);

ALTER TABLE run_parts
  -- What its results told when they left by retention: 2 something failed, 3 something errored, NULL neither.
  ADD COLUMN kept_status smallint CHECK (kept_status IN (2, 3));

-- An event whose content left by retention stays as a row, so that its key refuses it if it is sent again: 4 DROPPED.
-- Of its content nothing is left: texts are empty, occurred_at is received_at.
ALTER TABLE events
  ADD COLUMN dropped_at timestamptz,
  DROP CONSTRAINT events_state_check,
  DROP CONSTRAINT events_client_check,
  DROP CONSTRAINT events_metric_check,
  -- What the old ones held for holds for these: no row has to be looked at.
  ADD CONSTRAINT events_state_check CHECK (state IN (1, 2, 4)) NOT VALID,
  ADD CONSTRAINT events_dropped_check CHECK ((state = 4) = (dropped_at IS NOT NULL)) NOT VALID,
  ADD CONSTRAINT events_client_check CHECK (octet_length(client) <= 512 AND (state = 4) = (client = '')) NOT VALID,
  ADD CONSTRAINT events_metric_check CHECK (octet_length(metric) <= 512 AND (state = 4) = (metric = '')) NOT VALID;
-- Without the dropped ones, which would stand before what retention and the last page of a list look for. For statements
-- that name the whole condition, as before.
DROP INDEX events_by_time;
CREATE INDEX events_by_time ON events (project_key, received_at, event_id)
  WHERE received_at > '-infinity' AND state <> 4;
CREATE INDEX events_dropped ON events (project_key, dropped_at) WHERE state = 4;
