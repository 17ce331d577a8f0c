/** Removes what hangs on deleted runs and projects, in bounded statements. */
import type { Queryable } from "./queryable.js";

/** Rows of one deleting statement: some 20 ms. */
const ROWS_PER_STATEMENT = 2_000;

/** A deleted run whose rows are still there. */
export interface DeletedRun {
  readonly runKey: string;
  readonly runDay: string;
}

/** Up to 100 deleted runs of a project that wait for their purge. */
export async function listDeletedRuns(db: Queryable, projectKey: string): Promise<DeletedRun[]> {
  const rows = await db.query<{ run_key: string; run_day: string }>(LIST, [projectKey]);
  return rows.map((row) => ({ runKey: row.run_key, runDay: row.run_day }));
}

/** Nothing hangs on the run any more; its row stays, so that its run_id stays taken. */
export async function purgeRun(
  db: Queryable,
  projectKey: string,
  { runKey, runDay }: DeletedRun,
): Promise<void> {
  await untilEmpty(db, DELETE_RESULTS, [projectKey, runKey, runDay, ROWS_PER_STATEMENT]);
  await untilEmpty(db, DELETE_REJECTIONS, [projectKey, runKey, ROWS_PER_STATEMENT]);
  for (const statement of DELETE_REST) await db.query(statement, [projectKey, runKey]);
  await db.query(MARK_PURGED, [projectKey, runKey]);
}

/** Marks all runs of a deleted project as deleted, up to a bound; how many. */
export async function deleteRunsOfProject(db: Queryable, projectKey: string): Promise<number> {
  const rows = await db.query(DELETE_RUNS, [projectKey, ROWS_PER_STATEMENT]);
  return rows.length;
}

/** Removes what a deleted project without runs still has, and marks it as purged. */
export async function purgeProject(db: Queryable, projectKey: string): Promise<void> {
  await untilEmpty(db, DELETE_PROJECT_REJECTIONS, [projectKey, ROWS_PER_STATEMENT]);
  await untilEmpty(db, DELETE_TESTS, [projectKey, ROWS_PER_STATEMENT]);
  for (const table of EVENT_TABLES) {
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
WHERE project_key = $1 AND deleted_at IS NOT NULL AND purged_at IS NULL
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

// Bytes of open ones leave the project's bound.
const DELETE_REJECTIONS = `
WITH gone AS (
  DELETE FROM rejections
  WHERE project_key = $1 AND rejection_id IN (
    SELECT rejection_id FROM rejections WHERE project_key = $1 AND run_key = $2 LIMIT $3::int
  )
  RETURNING state, octet_length(bytes) AS size
),
freed AS (
  UPDATE rejection_usage
  SET kept_bytes = kept_bytes - (SELECT COALESCE(sum(size) FILTER (WHERE state = 1), 0) FROM gone)
  WHERE project_key = $1 AND EXISTS (SELECT FROM gone WHERE state = 1)
)
SELECT 1 FROM gone`;

const DELETE_REST = [
  "DELETE FROM fold_queue WHERE project_key = $1 AND run_key = $2",
  "DELETE FROM batches WHERE project_key = $1 AND run_key = $2",
  "DELETE FROM run_parts WHERE project_key = $1 AND run_key = $2",
];

const MARK_PURGED = "UPDATE runs SET purged_at = now() WHERE project_key = $1 AND run_key = $2";

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

// The planner reads a bounded number of rows by their place, whatever the table's key is.
const deleteSome = (table: string) => `
DELETE FROM ${table}
WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE project_key = $1 LIMIT $2::int)) AND project_key = $1
RETURNING 1`;

const DELETE_PROJECT_REST = [
  "DELETE FROM test_counts WHERE project_key = $1",
  "DELETE FROM rejection_usage WHERE project_key = $1",
  "DELETE FROM runs WHERE project_key = $1",
  "UPDATE projects SET purged_at = now() WHERE project_key = $1",
];
