/** Monthly partitions of results: made before they are needed, dropped whole when all of their runs have left. */
import { TODAY } from "./days.js";
import { DbError } from "./errors.js";
import { EXPIRING, KEPT } from "./expired-runs.js";
import type { Queryable } from "./queryable.js";

/** The partition of a day's month exists. */
export async function ensureResultsPartition(db: Queryable, day: string): Promise<void> {
  await db.query("SELECT ensure_results_partition($1::text::date)", [day]);
}

/** The partitions of a day's month and of the two after it exist. */
export async function ensureResultsPartitions(db: Queryable, day: string): Promise<void> {
  await db.query(
    `SELECT ensure_results_partition(($1::text::date + months * interval '1 month')::date)
     FROM generate_series(0, 2) AS months`,
    [day],
  );
}

/** First days (ISO dates) of months whose results leave with their partition: no run of them is kept. */
export async function monthsThatLeave(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ first_day: string }>(LEAVING);
  return rows.map((row) => row.first_day);
}

/**
 * Names of the partitions that may be dropped, in the order to do it in: no run of the month needs its results any
 * more, and none can come. A table that was detached, by somebody else than this code, is not among them.
 */
export async function partitionsToDrop(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ name: string }>(TO_DROP);
  return rows.map((row) => row.name);
}

/**
 * The partition is gone, with all that is in it. Goes on from wherever another call stopped or was killed, and may run
 * beside others. No writer or reader of results ever waits for it: it is detached by locks that stop none of them, and
 * only then dropped. Throws DbError 55P03 where somebody reads it for longer than the connection's lock_timeout, and
 * 55000 where another partition is being detached: a table lets go of one at a time. The statements commit on their
 * own: `db` is past a pooler.
 */
export async function dropResultsPartition(db: Queryable, name: string): Promise<void> {
  let state = await readState(db, name);
  while (state !== null) {
    const failure = await take(db, STEPS[state](name));
    const next = await readState(db, name);
    // Who else drops it has taken the step, or the one after it.
    if (failure !== null && next === state) throw failure;
    state = next;
  }
}

/** How far the drop of a partition has come. */
type DropState = "kept" | "marked" | "detaching" | "detached";

async function readState(db: Queryable, name: string): Promise<DropState | null> {
  const [row] = await db.query<{ state: DropState }>(STATE, [name]);
  return row?.state ?? null;
}

async function take(db: Queryable, statement: string): Promise<DbError | null> {
  try {
    await db.query(statement);
    return null;
  } catch (error) {
    if (error instanceof DbError) return error;
    throw error;
  }
}

/** Tells a table that this code detaches from one that an operator did. */
const MARK = "tally: leaves by retention";

/** Names are checked by TABLES. */
const STEPS: Readonly<Record<DropState, (name: string) => string>> = {
  kept: (name) => `COMMENT ON TABLE ${name} IS '${MARK}'`,
  marked: (name) => `ALTER TABLE results DETACH PARTITION ${name} CONCURRENTLY`,
  detaching: (name) => `ALTER TABLE results DETACH PARTITION ${name} FINALIZE`,
  detached: (name) => `DROP TABLE ${name}`,
};

/** Tables of months, attached or marked. */
const TABLES = `
  SELECT
    c.relname::text AS name, to_date(substr(c.relname, 9), 'YYYY_MM') AS first_day,
    CASE
      WHEN i.inhrelid IS NULL THEN 'detached'
      WHEN i.inhdetachpending THEN 'detaching'
      WHEN obj_description(c.oid, 'pg_class') = '${MARK}' THEN 'marked'
      ELSE 'kept'
    END AS state
  FROM pg_class p
  JOIN pg_class c ON c.relnamespace = p.relnamespace AND c.relkind = 'r' AND c.relname ~ '^results_[0-9]{4}_[0-9]{2}$'
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = p.oid
  WHERE p.oid = 'results'::regclass
    AND (i.inhrelid IS NOT NULL OR obj_description(c.oid, 'pg_class') = '${MARK}')`;

const STATE = `SELECT state FROM (${TABLES}) AS t WHERE name = $1`;

/** Months that ended more than a day ago, with the project of each of their runs that `condition` holds for. */
const monthsWithout = (condition: string) => `
FROM (${TABLES}) AS t
CROSS JOIN LATERAL (SELECT (first_day + interval '1 month')::date AS next_day) AS n
WHERE next_day < ${TODAY} AND NOT EXISTS (
  SELECT
  FROM projects p
  CROSS JOIN LATERAL (
    SELECT
    FROM runs
    WHERE project_key = p.project_key AND run_day >= first_day AND run_day < next_day AND ${condition}
    ORDER BY run_day
    LIMIT 1
  ) AS r
)`;

// By runs_kept, a step for each project at most; it ends with the first one that keeps a run of the month.
const LEAVING = `
SELECT first_day::text
${monthsWithout(KEPT)}`;

// By runs_kept, runs_expiring and runs_to_purge.
const TO_DROP = `
SELECT name
${monthsWithout(KEPT)}
AND NOT EXISTS (
  SELECT
  FROM projects p
  CROSS JOIN LATERAL (
    SELECT
    FROM runs
    WHERE project_key = p.project_key AND ${EXPIRING} AND expire_step = 0
      AND run_day >= first_day AND run_day < next_day
    ORDER BY run_day
    LIMIT 1
  ) AS r
)
AND NOT EXISTS (
  SELECT
  FROM runs
  WHERE deleted_at IS NOT NULL AND purged_at IS NULL AND run_day >= first_day AND run_day < next_day
)
ORDER BY state <> 'detaching', first_day`;
