/** Which runs of a project changed, for those who watch them. */
import { plainArray } from "./array-literal.js";
import { timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** A run that something was committed of. */
export interface RunChange {
  readonly runKey: string;
  readonly runId: string;
  readonly branch: string;
  readonly deleted: boolean;
  /** Batches of it with failures, int8 in decimal: the newest ones. */
  readonly failingBatches: readonly string[];
}

export interface RunChanges {
  /** By the database's clock: what is committed later and began later has a later time. */
  readonly nowUs: number;
  readonly runs: readonly RunChange[];
}

/** Failing batches of one run that a look answers. */
const MAX_BATCHES = 1_000;

/**
 * Runs with rows of the ledger, a derived state, a beginning or an end by deletion since a time, and those of `known`
 * that are deleted. Rows carry the time at which their statement began: one that commits later is seen by a look that
 * reaches further back than it took. Serves from batches_by_time, runs_by_settling, runs_running, runs_to_purge and
 * the key of runs. Changes are looked for, not announced: NOTIFY takes a lock of the whole database at each commit,
 * so that the commits of all projects would wait for each other.
 */
export async function readRunChanges(
  db: Queryable,
  projectKey: string,
  sinceUs: number,
  known: readonly string[],
  deadlineAt: number,
): Promise<RunChanges> {
  const params = [projectKey, sinceUs, plainArray(known), MAX_BATCHES];
  const rows = await db.query<ChangeColumns>(CHANGES, params, { deadlineAt });
  return {
    nowUs: Number(rows[0]?.now_us),
    runs: rows.flatMap((row) =>
      row.run_key === null
        ? []
        : {
            runKey: row.run_key,
            runId: row.run_id,
            branch: row.branch,
            deleted: row.deleted,
            failingBatches: row.failing?.slice(1, -1).split(",") ?? [],
          },
    ),
  };
}

interface ChangeColumns {
  now_us: string;
  /** NULL where nothing changed. */
  run_key: string | null;
  run_id: string;
  branch: string;
  deleted: boolean;
  /** An array as text; NULL without failures. */
  failing: string | null;
}

/** What is watched from the start. */
export interface WatchedRuns {
  readonly branch: string;
  /** '' is all. */
  readonly runId: string;
}

/**
 * Keys of the runs that a watcher is told first: the newest of those that are RUNNING or count within the last hour,
 * or the one run that is watched. Serves from runs_by_state and runs_by_time, or by the run's id.
 */
export async function listWatchedRuns(
  db: Queryable,
  projectKey: string,
  { branch, runId }: WatchedRuns,
  limit: number,
  deadlineAt: number,
): Promise<string[]> {
  const params = [projectKey, branch, runId, limit];
  const rows = await db.query<{ run_key: string }>(FIRST, params, { deadlineAt });
  return rows.map((row) => row.run_key);
}

const CHANGES = `
WITH touched AS (
  SELECT run_key, created_at, CASE WHEN failed_count + errored_count > 0 THEN batch_key END AS failing
  FROM batches
  WHERE project_key = $1 AND created_at > '-infinity' AND created_at >= ${timeOf("$2")}
  UNION ALL
  SELECT run_key, NULL, NULL
  FROM runs
  WHERE project_key = $1 AND settled_at >= ${timeOf("$2")}
  UNION ALL
  SELECT run_key, NULL, NULL
  FROM runs
  WHERE project_key = $1 AND state = 1 AND deleted_at IS NULL AND created_at >= ${timeOf("$2")}
  UNION ALL
  SELECT run_key, NULL, NULL
  FROM runs
  WHERE project_key = $1 AND deleted_at >= ${timeOf("$2")} AND deleted_at IS NOT NULL AND purged_at IS NULL
  UNION ALL
  SELECT r.run_key, NULL, NULL
  FROM unnest($3::bigint[]) AS known(run_key)
  CROSS JOIN LATERAL (
    SELECT run_key
    FROM runs
    WHERE project_key = $1 AND run_key = known.run_key AND deleted_at IS NOT NULL
    OFFSET 0
  ) r
),
changed AS (
  SELECT
    t.run_key, r.run_id, r.branch, r.deleted_at IS NOT NULL AS deleted,
    (t.failing)[1:$4::int]::text AS failing
  FROM (
    SELECT run_key, array_agg(failing ORDER BY created_at DESC) FILTER (WHERE failing IS NOT NULL) AS failing
    FROM touched
    GROUP BY run_key
  ) t
  CROSS JOIN LATERAL (
    SELECT run_id, branch, deleted_at
    FROM runs
    WHERE project_key = $1 AND run_key = t.run_key
    OFFSET 0
  ) r
)
SELECT (EXTRACT(epoch FROM clock.at) * 1000000)::bigint AS now_us, changed.*
FROM (SELECT now() AS at) AS clock
LEFT JOIN changed ON true`;

// Of the running ones of a branch, those among the newest thousand.
const FIRST = `
SELECT run_key
FROM (
  (
    SELECT run_key, branch, counted_at, run_id
    FROM runs
    WHERE project_key = $1 AND state = 1 AND deleted_at IS NULL AND $3 = ''
    ORDER BY counted_at DESC, run_id DESC
    LIMIT 1000
  )
  UNION
  (
    SELECT run_key, branch, counted_at, run_id
    FROM runs
    WHERE project_key = $1 AND counted_at >= now() - interval '1 hour' AND deleted_at IS NULL AND $3 = ''
      AND ($2 = '' OR branch = $2)
    ORDER BY counted_at DESC, run_id DESC
    LIMIT $4::int
  )
  UNION
  SELECT run_key, branch, counted_at, run_id
  FROM runs
  WHERE project_key = $1 AND run_id = $3 AND deleted_at IS NULL AND $3 <> ''
) AS found
WHERE $2 = '' OR branch = $2
ORDER BY counted_at DESC, run_id DESC
LIMIT $4::int`;
