/**
 * What retention does to runs, step by step: the run takes nothing more (expired_at); what its results alone tell is
 * kept in its parts (step 1); results, ledger and missing tests leave (2); its failures leave (3). The run, its parts,
 * their totals and all figures stay. Each statement serves one project, changes a bounded number of rows, and may be
 * repeated, by several servers at once, after a kill at any point.
 */
import { byteaArray, plainArray } from "./array-literal.js";
import { TODAY } from "./days.js";
import type { Queryable } from "./queryable.js";
import type { PartVerdict } from "./run-states.js";

/** A run that has expired. */
export interface ExpiredRun {
  readonly runKey: string;
  /** ISO date. */
  readonly runDay: string;
}

/**
 * Up to `limit` runs that are older than the project keeps them take nothing more; the oldest first, those with
 * something to fold later. How many. Serves from runs_kept.
 */
export async function expireRuns(
  db: Queryable,
  projectKey: string,
  limit: number,
): Promise<number> {
  const rows = await db.query(EXPIRE, [projectKey, limit]);
  return rows.length;
}

/**
 * Up to `limit` runs, oldest day first, that expired `graceMs` ago or longer and whose results are still needed: to
 * tell what fails. By then every statement has ended that had found them open. Runs with something to fold are left out.
 */
export async function listRunsToSeal(
  db: Queryable,
  projectKey: string,
  graceMs: number,
  limit: number,
): Promise<ExpiredRun[]> {
  return toRuns(await db.query<RunColumns>(LIST_TO_SEAL, [projectKey, graceMs, limit]));
}

/** The runs need their results no more: the verdicts of their parts are kept. How many of them this call took there. */
export async function sealRuns(
  db: Queryable,
  projectKey: string,
  runs: readonly ExpiredRun[],
  verdicts: readonly PartVerdict[],
): Promise<number> {
  const rows = await db.query(SEAL, [
    projectKey,
    keysOf(runs),
    plainArray(verdicts.map(({ runKey }) => runKey)),
    byteaArray(verdicts.map(({ partId }) => partId)),
    plainArray(verdicts.map(({ status }) => status)),
  ]);
  return rows.length;
}

/**
 * Up to `limit` sealed runs of one day, the oldest, whose results are to be deleted: not those of `months`, which
 * leave with their partition. ISO dates of first days.
 */
export async function listRunsToEmpty(
  db: Queryable,
  projectKey: string,
  months: readonly string[],
  limit: number,
): Promise<ExpiredRun[]> {
  return toRuns(await db.query<RunColumns>(LIST_TO_EMPTY, [projectKey, plainArray(months), limit]));
}

/** Tables that lose the rows of a sealed run. */
export const RAW_TABLES = ["results", "batches", "missing_tests"] as const;
type RawTable = (typeof RAW_TABLES)[number];

/** Up to `limit` rows of sealed runs of one day leave a table; how many. By the tables' primary keys. */
export async function deleteRaw(
  db: Queryable,
  table: RawTable,
  projectKey: string,
  runs: readonly ExpiredRun[],
  limit: number,
): Promise<number> {
  const day = table === "results" ? [runs[0]?.runDay ?? ""] : [];
  const rows = await db.query(DELETE_RAW[table], [projectKey, keysOf(runs), limit, ...day]);
  return rows.length;
}

/** Sealed runs have lost their rows, where none is left; how many. */
export async function markEmpty(
  db: Queryable,
  projectKey: string,
  runs: readonly ExpiredRun[],
): Promise<number> {
  const rows = await db.query(MARK_EMPTY, [projectKey, keysOf(runs)]);
  return rows.length;
}

/**
 * Up to `limit` empty runs whose failures are older than the project keeps runs, and than `failureDays` whole UTC days.
 * Serves from runs_expiring.
 */
export async function listRunsToForget(
  db: Queryable,
  projectKey: string,
  failureDays: number,
  limit: number,
): Promise<ExpiredRun[]> {
  const params = [projectKey, failureDays, limit];
  return toRuns(await db.query<RunColumns>(LIST_TO_FORGET, params));
}

/** Up to `limit` failures of runs leave; how many. Groups and days keep their counts. */
export async function deleteFailures(
  db: Queryable,
  projectKey: string,
  runs: readonly ExpiredRun[],
  limit: number,
): Promise<number> {
  const rows = await db.query(DELETE_FAILURES, [projectKey, keysOf(runs), limit]);
  return rows.length;
}

/** Nothing more of these runs leaves by retention; how many this call took there. */
export async function markForgotten(
  db: Queryable,
  projectKey: string,
  runs: readonly ExpiredRun[],
): Promise<number> {
  const rows = await db.query(MARK_FORGOTTEN, [projectKey, keysOf(runs)]);
  return rows.length;
}

interface RunColumns {
  run_key: string;
  run_day: string;
}

function toRuns(rows: readonly RunColumns[]): ExpiredRun[] {
  return rows.map((row) => ({ runKey: row.run_key, runDay: row.run_day }));
}

function keysOf(runs: readonly ExpiredRun[]): string {
  return plainArray(runs.map(({ runKey }) => runKey));
}

/** Of a run that is not deleted, or purged: a purge takes what it deletes from the figures, and comes first. */
const NOT_PURGING = "(deleted_at IS NULL OR purged_at IS NOT NULL)";
/** Of an expired run with steps to take: the condition of runs_expiring. */
export const EXPIRING = `expired_at IS NOT NULL AND expire_step < 3 AND ${NOT_PURGING}`;
/** Of a run that may expire: the condition of runs_kept. */
export const KEPT = "expire_step = 0 AND expired_at IS NULL AND deleted_at IS NULL";

/**
 * Nothing of run `r` waits to be folded, and its figures are not moving: they need its results no more. OFFSET 0 keeps the
 * look-ups by key.
 */
const IS_FOLDED = `NOT EXISTS (
    SELECT FROM fold_queue WHERE project_key = $1 AND run_key = r.run_key OFFSET 0
  )
  AND NOT EXISTS (
    SELECT FROM folded_runs
    WHERE project_key = $1 AND run_key = r.run_key AND next_counted_at IS NOT NULL
    OFFSET 0
  )`;

// SKIP LOCKED: a run that a writer holds is left to the next round, so that nobody waits for another in a circle. What a
// run lacks is not looked for any more: without its results it would be everything.
const EXPIRE = `
WITH due AS MATERIALIZED (
  SELECT ${TODAY} - retention_days AS first_day
  FROM projects
  WHERE project_key = $1 AND retention_days > 0 AND deleted_at IS NULL
),
chosen AS MATERIALIZED (
  SELECT run_key
  FROM runs r
  WHERE project_key = $1 AND ${KEPT}
    AND run_day < (SELECT first_day FROM due) AND ${IS_FOLDED}
  ORDER BY run_day
  LIMIT $2::int
  FOR UPDATE SKIP LOCKED
)
UPDATE runs
SET expired_at = now(), missing_due_at = NULL
WHERE project_key = $1 AND run_key = ANY (ARRAY(SELECT run_key FROM chosen))
RETURNING 1`;

const LIST_TO_SEAL = `
SELECT run_key, run_day::text
FROM runs r
WHERE project_key = $1 AND ${EXPIRING} AND expire_step = 0
  AND expired_at < now() - $2::int * interval '1 millisecond'
  AND ${IS_FOLDED}
ORDER BY run_day
LIMIT $3::int`;

const SEAL = `
WITH sealed AS (
  UPDATE runs r
  SET expire_step = 1
  WHERE project_key = $1 AND run_key = ANY ($2::bigint[])
    AND expired_at IS NOT NULL AND expire_step = 0 AND ${NOT_PURGING}
    AND ${IS_FOLDED}
  RETURNING run_key
),
kept AS (
  UPDATE run_parts p
  SET kept_status = v.status
  FROM sealed
  JOIN unnest($3::bigint[], $4::bytea[], $5::smallint[]) AS v(run_key, part_id, status) USING (run_key)
  WHERE p.project_key = $1 AND p.run_key = ANY ($2::bigint[])
    AND p.run_key = v.run_key AND p.part_id = v.part_id
)
SELECT run_key FROM sealed`;

const LIST_TO_EMPTY = `
SELECT run_key, run_day::text
FROM runs
WHERE project_key = $1 AND ${EXPIRING} AND expire_step = 1 AND run_day = (
  SELECT run_day
  FROM runs
  WHERE project_key = $1 AND ${EXPIRING} AND expire_step = 1
    AND date_trunc('month', run_day::timestamp)::date <> ALL ($2::date[])
  ORDER BY run_day
  LIMIT 1
)
LIMIT $3::int`;

// By the place of rows, which the statement's own snapshot has found: whatever the table's key is. The day leads to one
// partition.
const deleteSome = (table: string, condition = "") => `
DELETE FROM ${table}
WHERE project_key = $1 ${condition} AND ctid = ANY (ARRAY(
  SELECT ctid
  FROM ${table}
  WHERE project_key = $1 AND run_key = ANY ($2::bigint[]) ${condition}
  LIMIT $3::int
))
RETURNING 1`;

const DELETE_RAW: Readonly<Record<RawTable, string>> = {
  results: deleteSome("results", "AND run_day = $4::text::date"),
  // What is not folded yet counts by its row of the ledger.
  batches: deleteSome(
    "batches",
    `AND NOT EXISTS (
    SELECT FROM fold_queue WHERE project_key = $1 AND run_key = batches.run_key AND batch_key = batches.batch_key
  )`,
  ),
  missing_tests: deleteSome("missing_tests"),
};

const MARK_EMPTY = `
UPDATE runs r
SET expire_step = 2, missing_version = NULL, missing_count = NULL
WHERE project_key = $1 AND run_key = ANY ($2::bigint[]) AND expire_step = 1 AND ${NOT_PURGING}
  AND NOT EXISTS (
    SELECT FROM results WHERE project_key = $1 AND run_day = r.run_day AND run_key = r.run_key
  )
  AND NOT EXISTS (SELECT FROM batches WHERE project_key = $1 AND run_key = r.run_key)
RETURNING 1`;

const LIST_TO_FORGET = `
SELECT run_key, run_day::text
FROM runs
WHERE project_key = $1 AND ${EXPIRING} AND expire_step = 2 AND run_day < (
  SELECT ${TODAY} - GREATEST(retention_days, $2::int)
  FROM projects
  WHERE project_key = $1 AND retention_days > 0 AND deleted_at IS NULL
)
ORDER BY run_day
LIMIT $3::int`;

const DELETE_FAILURES = deleteSome("failures");

const MARK_FORGOTTEN = `
UPDATE runs
SET expire_step = 3
WHERE project_key = $1 AND run_key = ANY ($2::bigint[]) AND expire_step = 2 AND ${NOT_PURGING}
RETURNING 1`;
