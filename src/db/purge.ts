/** Removes what hangs on deleted runs and projects, in bounded statements. */
import { DRAWN_KEY } from "./fold-queue.js";
import { KEPT_SIZE } from "./kept-refusals.js";
import type { Queryable } from "./queryable.js";

/** Rows of one deleting statement: some 20 ms. */
const ROWS_PER_STATEMENT = 2_000;

/** A deleted run whose rows are still there. */
export interface DeletedRun {
  readonly runKey: string;
  readonly runDay: string;
}

/** Deleted runs of a project that wait for their purge, behind one of them; up to 100, by runs_to_purge. */
export async function listDeletedRuns(
  db: Queryable,
  projectKey: string,
  afterKey: string,
): Promise<DeletedRun[]> {
  const rows = await db.query<{ run_key: string; run_day: string }>(LIST, [projectKey, afterKey]);
  return rows.map((row) => ({ runKey: row.run_key, runDay: row.run_day }));
}

/**
 * Removes what hangs on a run, as far as the figures allow: its results go when all of them are folded, and the rest
 * when their removal is. A statement that has found the run before it was deleted may still store results: each step
 * looks for itself whether any have come. The run's row stays, so that its run_id stays taken. To be called until
 * nothing is left.
 */
export async function purgeRun(
  db: Queryable,
  projectKey: string,
  { runKey, runDay }: DeletedRun,
): Promise<void> {
  await untilEmpty(db, DELETE_FOLDED_RESULTS, [projectKey, runKey, runDay, ROWS_PER_STATEMENT]);
  await untilEmpty(db, DELETE_REJECTIONS, [projectKey, runKey, ROWS_PER_STATEMENT]);
  for (const statement of DELETE_REST_WITHOUT_RESULTS) {
    await untilEmpty(db, statement, [projectKey, runKey, ROWS_PER_STATEMENT]);
  }
  await db.query(MARK_PURGED_WITHOUT_RESULTS, [projectKey, runKey]);
}

/** Removes what hangs on a run of a deleted project: nobody asks for its figures any more. */
export async function purgeProjectRun(
  db: Queryable,
  projectKey: string,
  { runKey, runDay }: DeletedRun,
): Promise<void> {
  await untilEmpty(db, DELETE_RESULTS, [projectKey, runKey, runDay, ROWS_PER_STATEMENT]);
  await untilEmpty(db, DELETE_REJECTIONS, [projectKey, runKey, ROWS_PER_STATEMENT]);
  for (const statement of [DELETE_QUEUE, ...DELETE_REST]) {
    await untilEmpty(db, statement, [projectKey, runKey, ROWS_PER_STATEMENT]);
  }
  await db.query(MARK_PURGED, [projectKey, runKey]);
}

/** Marks all runs of a deleted project as deleted, up to a bound; how many. */
export async function deleteRunsOfProject(db: Queryable, projectKey: string): Promise<number> {
  const rows = await db.query(DELETE_RUNS, [projectKey, ROWS_PER_STATEMENT]);
  return rows.length;
}

/** Has a deleted project purged again: something has come to it while it was purged. */
export async function purgeProjectAgain(db: Queryable, projectKey: string): Promise<void> {
  await db.query("UPDATE projects SET purged_at = NULL WHERE project_key = $1", [projectKey]);
}

/** Removes what a deleted project without runs still has, and marks it as purged. */
export async function purgeProject(db: Queryable, projectKey: string): Promise<void> {
  await untilEmpty(db, DELETE_PROJECT_REJECTIONS, [projectKey, ROWS_PER_STATEMENT]);
  await untilEmpty(db, DELETE_TESTS, [projectKey, ROWS_PER_STATEMENT]);
  for (const table of [...EVENT_TABLES, ...FOLDED_TABLES]) {
    await untilEmpty(db, deleteSome(table), [projectKey, ROWS_PER_STATEMENT]);
  }
  for (const statement of DELETE_PROJECT_REST) await db.query(statement, [projectKey]);
}

async function untilEmpty(
  db: Queryable,
  statement: string,
  params: (string | number)[],
): Promise<void> {
  for (;;) {
    const rows = await db.query(statement, params);
    if (rows.length === 0) return;
  }
}

const LIST = `
SELECT run_key, run_day::text
FROM runs
WHERE project_key = $1 AND run_key > $2::bigint AND deleted_at IS NOT NULL AND purged_at IS NULL
ORDER BY run_key
LIMIT 100`;

const DELETE_RESULTS = `
DELETE FROM results
WHERE project_key = $1 AND run_key = $2 AND run_day = $3::text::date
  AND (test_key, result_id) IN (
    SELECT test_key, result_id
    FROM results
    WHERE project_key = $1 AND run_key = $2 AND run_day = $3::text::date
    LIMIT $4::int
  )
RETURNING 1`;

// What goes is queued to be taken from the figures, in the same statement. A result is visible with its row of the queue,
// so that none goes before it has come.
const DELETE_FOLDED_RESULTS = `
WITH gone AS (
  DELETE FROM results
  WHERE project_key = $1 AND run_key = $2 AND run_day = $3::text::date
    AND NOT EXISTS (SELECT FROM fold_queue WHERE project_key = $1 AND run_key = $2 AND weight >= 0)
    AND (test_key, result_id) IN (
      SELECT test_key, result_id
      FROM results
      WHERE project_key = $1 AND run_key = $2 AND run_day = $3::text::date
      ORDER BY test_key, result_id
      LIMIT $4::int
    )
  RETURNING test_key, status, duration_us
),
queued AS (
  INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations, weight)
  SELECT
    $1, $2, ${DRAWN_KEY}, array_agg(test_key), array_agg(status), array_agg(duration_us), -1
  FROM gone
  HAVING count(*) > 0
)
SELECT 1 FROM gone`;

// Bytes of open ones leave the project's bound.
const DELETE_REJECTIONS = `
WITH gone AS (
  DELETE FROM rejections r
  WHERE project_key = $1 AND rejection_id IN (
    SELECT rejection_id FROM rejections WHERE project_key = $1 AND run_key = $2 LIMIT $3::int
  )
  RETURNING state, ${KEPT_SIZE} AS size
),
freed AS (
  UPDATE rejection_usage
  SET kept_bytes = GREATEST(0, kept_bytes - (SELECT COALESCE(sum(size) FILTER (WHERE state = 1), 0) FROM gone))
  WHERE project_key = $1 AND EXISTS (SELECT FROM gone WHERE state = 1)
)
SELECT 1 FROM gone`;

// The planner reads a bounded number of rows by their place, whatever the table's key is; of a run in the order of the
// key, so that it does not look for them in the whole table.
const deleteSome = (table: string) => `
DELETE FROM ${table}
WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE project_key = $1 LIMIT $2::int)) AND project_key = $1
RETURNING 1`;

const deleteSomeOfRun = (table: string, key: string, condition = "true") => `
DELETE FROM ${table}
WHERE project_key = $1 AND ctid = ANY (ARRAY(
  SELECT ctid
  FROM ${table}
  WHERE project_key = $1 AND run_key = $2 AND ${condition}
  ORDER BY project_key, run_key, ${key}
  LIMIT $3::int
))
RETURNING 1`;

const DELETE_QUEUE = deleteSomeOfRun("fold_queue", "batch_key");

// Failures go when the removal of their results is folded: without results they stay where they count.
const deleteRest = (condition?: string) => [
  deleteSomeOfRun("batches", "batch_key", condition),
  deleteSomeOfRun("run_parts", "part_id", condition),
  deleteSomeOfRun("part_totals", "part_id", condition),
  deleteSomeOfRun("folded_runs", "moved_test_key", condition),
  deleteSomeOfRun("missing_tests", "test_key", condition),
];

const MARK_PURGED = "UPDATE runs SET purged_at = now() WHERE project_key = $1 AND run_key = $2";

// Nothing of the run is in the figures, or waits to be. In the order of the key, and with OFFSET 0, which keeps it: else
// the whole table may be read where there is nothing.
const WITHOUT_RESULTS = `NOT EXISTS (
    SELECT FROM fold_queue WHERE project_key = $1 AND run_key = $2 ORDER BY batch_key OFFSET 0
  )
  AND NOT EXISTS (
    SELECT FROM results
    WHERE project_key = $1 AND run_key = $2
      AND run_day = (SELECT run_day FROM runs WHERE project_key = $1 AND run_key = $2)
    ORDER BY test_key, result_id
    OFFSET 0
  )`;

const DELETE_REST = deleteRest();
const DELETE_REST_WITHOUT_RESULTS = deleteRest(WITHOUT_RESULTS);
const MARK_PURGED_WITHOUT_RESULTS = `${MARK_PURGED} AND ${WITHOUT_RESULTS}`;

const DELETE_RUNS = `
UPDATE runs
SET deleted_at = now(), unsettled_at = NULL
WHERE project_key = $1 AND run_key IN (
  SELECT run_key FROM runs WHERE project_key = $1 AND deleted_at IS NULL LIMIT $2::int
)
RETURNING 1`;

const DELETE_PROJECT_REJECTIONS = `
DELETE FROM rejections
WHERE project_key = $1 AND rejection_id IN (
  SELECT rejection_id FROM rejections WHERE project_key = $1 LIMIT $2::int
)
RETURNING 1`;

const DELETE_TESTS = `
DELETE FROM tests
WHERE project_key = $1 AND test_key IN (
  SELECT test_key FROM tests WHERE project_key = $1 LIMIT $2::int
)
RETURNING 1`;

/** The inbox first, so that no worker finds an event without its row. */
const EVENT_TABLES = [
  "inbox",
  "events",
  "event_batches",
  "event_fold_queue",
  "event_days",
  "event_users",
  "event_paths",
  "processing_log",
];

/**
 * The queue and the version first: who folds the project meanwhile finds no version to raise, and writes nothing.
 * Results may have come after their runs were purged.
 */
const FOLDED_TABLES = [
  "fold_queue",
  "fold_states",
  "results",
  "batches",
  "folded_runs",
  "part_totals",
  "project_periods",
  "test_days",
  "test_windows",
  "failures",
  "failure_groups",
  "failure_group_days",
  "failure_group_runs",
  "failure_group_tests",
  "missing_tests",
];

const DELETE_PROJECT_REST = [
  "DELETE FROM test_counts WHERE project_key = $1",
  "DELETE FROM rejection_usage WHERE project_key = $1",
  "DELETE FROM runs WHERE project_key = $1",
  "UPDATE projects SET purged_at = now() WHERE project_key = $1",
];
