/** How the state of a run is stored, and what ends a run: FinishRun, or a day of silence. */
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import type { RunRecord } from "./run-records.js";

/** Stores a derived state, unless the run has changed since its record was read. False then. */
export async function settleRun(
  db: Queryable,
  projectKey: string,
  record: RunRecord,
  state: number,
  deadlineAt: number,
): Promise<boolean> {
  const rows = await db.query(SETTLE, [projectKey, record.runKey, record.stateVersion, state], {
    deadlineAt,
  });
  return rows.length > 0;
}

/** FinishRun's facts. */
export interface RunClosing {
  readonly status: number | null;
  readonly expectedCount: number | null;
  /** Microseconds since the epoch; null: the time of receipt. */
  readonly finishUs: number | null;
}

/** Closes a run, once; a repeat answers the facts of the first. Null if it is not there. */
export async function closeRun(
  db: Queryable,
  projectKey: string,
  runKey: string,
  closing: RunClosing,
  deadlineAt: number,
): Promise<(RunClosing & { first: boolean }) | null> {
  for (;;) {
    const [row] = await db.query<ClosingColumns>(
      CLOSE,
      [projectKey, runKey, closing.status, closing.expectedCount, closing.finishUs],
      { deadlineAt },
    );
    if (row === undefined) return null;
    // Not closed and not by us: another statement did after this one's snapshot.
    if (!row.closed) continue;
    return {
      first: row.first,
      status: row.closed_status,
      expectedCount: readMicros(row.closed_expected_count),
      finishUs: readMicros(row.closed_finish_us),
    };
  }
}

/** Marks running runs of a project without traffic since a time as abandoned, up to `limit`; their ids. */
export async function abandonRuns(
  db: Queryable,
  projectKey: string,
  quietSinceUs: number,
  limit: number,
): Promise<string[]> {
  const rows = await db.query<{ run_id: string }>(ABANDON, [projectKey, quietSinceUs, limit]);
  return rows.map((row) => row.run_id);
}

/** Runs of a project that someone left unsettled before a time: it crashed before it could derive the state. */
export async function listUnsettledRuns(
  db: Queryable,
  projectKey: string,
  beforeUs: number,
  limit: number,
): Promise<string[]> {
  const rows = await db.query<{ run_key: string }>(UNSETTLED, [projectKey, beforeUs, limit]);
  return rows.map((row) => row.run_key);
}

interface ClosingColumns {
  first: boolean;
  closed: boolean;
  closed_status: number | null;
  closed_expected_count: string | null;
  closed_finish_us: string | null;
}

const SETTLE = `
UPDATE runs
SET state = $4::smallint, unsettled_at = NULL
WHERE project_key = $1 AND run_key = $2 AND state_version = $3
RETURNING run_key`;

const CLOSE = `
WITH closed AS (
  UPDATE runs
  SET
    closed_at = now(),
    closed_status = $3::smallint,
    closed_expected_count = $4::bigint,
    closed_finish_time = ${timeOf("$5")},
    state_version = state_version + 1,
    unsettled_at = now()
  WHERE project_key = $1 AND run_key = $2 AND closed_at IS NULL AND deleted_at IS NULL
  RETURNING closed_at, closed_status, closed_expected_count, closed_finish_time
)
SELECT
  first, closed_at IS NOT NULL AS closed, closed_status, closed_expected_count,
  ${microsOf("closed_finish_time")} AS closed_finish_us
FROM (
  SELECT true AS first, closed_at, closed_status, closed_expected_count, closed_finish_time FROM closed
  UNION ALL
  SELECT false, closed_at, closed_status, closed_expected_count, closed_finish_time
  FROM runs
  WHERE project_key = $1 AND run_key = $2 AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM closed)
) facts`;

// The next statement that stores something of the run lifts it.
const ABANDON = `
UPDATE runs
SET abandoned_at = now(), state = 4, state_version = state_version + 1
WHERE project_key = $1 AND run_key IN (
  SELECT run_key
  FROM runs r
  WHERE project_key = $1 AND state = 1 AND deleted_at IS NULL AND created_at < ${timeOf("$2")}
    AND NOT EXISTS (
      SELECT FROM batches b
      WHERE b.project_key = $1 AND b.run_key = r.run_key AND b.created_at >= ${timeOf("$2")}
    )
    AND NOT EXISTS (
      SELECT FROM run_parts p
      WHERE p.project_key = $1 AND p.run_key = r.run_key
        AND GREATEST(p.created_at, p.finished_at) >= ${timeOf("$2")}
    )
  ORDER BY created_at
  LIMIT $3::int
)
RETURNING run_id`;

const UNSETTLED = `
SELECT run_key
FROM runs
WHERE project_key = $1 AND unsettled_at < ${timeOf("$2")} AND deleted_at IS NULL
ORDER BY unsettled_at
LIMIT $3::int`;
