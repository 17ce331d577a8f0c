/** How the state of a run is stored, and what ends a run: FinishRun, or a day of silence. */
import { byteaArray, plainArray } from "./array-literal.js";
import { PROJECT_LIVES, RUN_LIVES } from "./living-run.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import type { RunRecord } from "./run-records.js";

/** What filters and counts of runs read. */
export interface RunSettlement {
  readonly state: number;
  /** 0: none. */
  readonly status: number;
  /** Microseconds since the epoch; null while the run has not ended. */
  readonly finishUs: number | null;
  /** A job of it has finished: it may lack tests. */
  readonly mayLackTests: boolean;
}

/** What the results of a part tell of it: 2 something failed, 3 something errored, 0 neither. */
export interface PartVerdict {
  readonly runKey: string;
  /** 16 bytes. */
  readonly partId: Uint8Array;
  readonly status: number;
  /** How many results told it. */
  readonly resultCount: number;
}

/**
 * Stores what was derived of a run and of its parts, unless the run has changed since its record was read. False
 * then.
 */
export async function settleRun(
  db: Queryable,
  projectKey: string,
  { runKey, stateVersion }: Pick<RunRecord, "runKey" | "stateVersion">,
  { state, status, finishUs, mayLackTests }: RunSettlement,
  verdicts: readonly PartVerdict[],
  deadlineAt: number,
): Promise<boolean> {
  const params = [
    projectKey,
    runKey,
    stateVersion,
    state,
    status,
    finishUs,
    mayLackTests,
    byteaArray(verdicts.map(({ partId }) => partId)),
    plainArray(verdicts.map((verdict) => verdict.status)),
    plainArray(verdicts.map(({ resultCount }) => resultCount)),
  ];
  const rows = await db.query(SETTLE, params, { deadlineAt });
  return rows.length > 0;
}

/** FinishRun's facts. */
export interface RunClosing {
  readonly status: number | null;
  readonly expectedCount: number | null;
  /** Microseconds since the epoch; null: when its last part ended. */
  readonly finishUs: number | null;
}

/** What closed a run. */
export interface ClosedRun extends RunClosing {
  /** This call did. */
  readonly first: boolean;
  /** The run takes nothing more: no copy of a conflict either. */
  readonly expired: boolean;
}

/**
 * Closes a run, once; a repeat answers the facts of the first. "expired" if it is open and takes nothing more, null if
 * it is not there.
 */
export async function closeRun(
  db: Queryable,
  projectKey: string,
  runKey: string,
  closing: RunClosing,
  deadlineAt: number,
): Promise<ClosedRun | "expired" | null> {
  for (;;) {
    const [row] = await db.query<ClosingColumns>(
      CLOSE,
      [projectKey, runKey, closing.status, closing.expectedCount, closing.finishUs],
      { deadlineAt },
    );
    if (row === undefined) return null;
    if (!row.closed && row.expired) return "expired";
    // Not closed and not by us: another statement did after this one's snapshot.
    if (!row.closed) continue;
    return {
      first: row.first,
      expired: row.expired,
      status: row.closed_status,
      expectedCount: readMicros(row.closed_expected_count),
      finishUs: readMicros(row.closed_finish_us),
    };
  }
}

/** Marks running runs of a project without traffic since a time as abandoned and unsettled, up to `limit`. */
export async function abandonRuns(
  db: Queryable,
  projectKey: string,
  quietSinceUs: number,
  limit: number,
): Promise<{ runKey: string; runId: string }[]> {
  const params = [projectKey, quietSinceUs, limit];
  const rows = await db.query<{ run_key: string; run_id: string }>(ABANDON, params);
  return rows.map((row) => ({ runKey: row.run_key, runId: row.run_id }));
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
  expired: boolean;
  closed_status: number | null;
  closed_expected_count: string | null;
  closed_finish_us: string | null;
}

const SETTLE = `
WITH settled AS (
  UPDATE runs
  SET
    state = $4::smallint,
    status = NULLIF($5::smallint, 0),
    finished_at = ${timeOf("$6")},
    settled_at = now(),
    missing_due_at = CASE
      WHEN expired_at IS NULL AND ($7::boolean OR missing_version IS NOT NULL) AND missing_version IS DISTINCT FROM $3
      THEN now()
    END,
    unsettled_at = NULL
  WHERE project_key = $1 AND run_key = $2 AND state_version = $3
  RETURNING run_key
),
kept AS (
  UPDATE run_parts p
  SET kept_status = v.status, kept_count = v.result_count
  FROM settled
  CROSS JOIN unnest($8::bytea[], $9::smallint[], $10::bigint[]) AS v(part_id, status, result_count)
  WHERE p.project_key = $1 AND p.run_key = $2 AND p.part_id = v.part_id
    AND (p.kept_status, p.kept_count) IS DISTINCT FROM (v.status, v.result_count)
)
SELECT run_key FROM settled`;

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
  WHERE project_key = $1 AND run_key = $2 AND closed_at IS NULL AND ${RUN_LIVES}
  RETURNING closed_at, closed_status, closed_expected_count, closed_finish_time
)
SELECT
  first, closed_at IS NOT NULL AS closed, expired, closed_status, closed_expected_count,
  ${microsOf("closed_finish_time")} AS closed_finish_us
FROM (
  SELECT true AS first, false AS expired, closed_at, closed_status, closed_expected_count, closed_finish_time FROM closed
  UNION ALL
  SELECT false, expired_at IS NOT NULL, closed_at, closed_status, closed_expected_count, closed_finish_time
  FROM runs
  WHERE project_key = $1 AND run_key = $2 AND deleted_at IS NULL AND ${PROJECT_LIVES}
    AND NOT EXISTS (SELECT FROM closed)
) facts`;

// The next statement that stores something of the run lifts it.
const ABANDON = `
UPDATE runs
SET abandoned_at = now(), state = 4, state_version = state_version + 1, unsettled_at = now()
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
RETURNING run_key, run_id`;

const UNSETTLED = `
SELECT run_key
FROM runs
WHERE project_key = $1 AND unsettled_at < ${timeOf("$2")} AND deleted_at IS NULL
ORDER BY unsettled_at
LIMIT $3::int`;
