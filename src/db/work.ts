/**
 * What the background jobs find to do. These reads go over all projects, by small partial indexes; every
 * statement that changes something names one project.
 */
import { timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** Projects with runs that were left unsettled before a time. */
export function projectsWithUnsettledRuns(db: Queryable, beforeUs: number): Promise<string[]> {
  return projects(db, UNSETTLED, [beforeUs]);
}

/** Projects with running runs that began before a time. */
export function projectsWithOldRunningRuns(db: Queryable, beforeUs: number): Promise<string[]> {
  return projects(db, RUNNING, [beforeUs]);
}

/** Projects with rejections that were closed before a time and still have their bytes. */
export function projectsWithClosedBytes(db: Queryable, beforeUs: number): Promise<string[]> {
  return projects(db, CLOSED, [beforeUs]);
}

/** Projects with deleted runs whose rows are still there. */
export function projectsWithDeletedRuns(db: Queryable): Promise<string[]> {
  return projects(db, DELETED_RUNS, []);
}

/**
 * Deleted projects whose rows are still there, or that were purged less than `graceMs` after their deletion, once that is
 * over: until then, statements that had found them before may have stored something.
 */
export function deletedProjects(db: Queryable, graceMs: number): Promise<string[]> {
  return projects(db, DELETED_PROJECTS, [graceMs]);
}

/** Projects with events that are not folded yet, after one of them, in the order of their keys; up to `limit`. */
export function projectsWithUnfoldedEvents(
  db: Queryable,
  afterKey: string,
  limit: number,
): Promise<string[]> {
  return projects(db, UNFOLDED_EVENTS, [afterKey, limit]);
}

/** Projects with results that are not folded yet, after one of them, in the order of their keys; up to `limit`. */
export function projectsWithUnfoldedResults(
  db: Queryable,
  afterKey: string,
  limit: number,
): Promise<string[]> {
  return projects(db, UNFOLDED_RESULTS, [afterKey, limit]);
}

/** Projects with tests whose windows end before a day (counted from 1970-01-01), in the same order. */
export function projectsWithTestsBehind(
  db: Queryable,
  afterKey: string,
  day: number,
  limit: number,
): Promise<string[]> {
  return projects(db, TESTS_BEHIND, [afterKey, limit, day]);
}

/** Projects with runs whose missing tests have to be found since a time. */
export function projectsWithMissingDue(db: Queryable, beforeUs: number): Promise<string[]> {
  return projects(db, MISSING_DUE, [beforeUs]);
}

async function projects(
  db: Queryable,
  text: string,
  params: (string | number)[],
): Promise<string[]> {
  const rows = await db.query<{ project_key: string }>(text, params);
  return rows.map((row) => row.project_key);
}

const UNSETTLED = `
SELECT DISTINCT project_key
FROM runs
WHERE unsettled_at < ${timeOf("$1")} AND deleted_at IS NULL
LIMIT 1000`;

const MISSING_DUE = `
SELECT DISTINCT project_key
FROM runs
WHERE missing_due_at < ${timeOf("$1")} AND deleted_at IS NULL
LIMIT 1000`;

const RUNNING = `
SELECT DISTINCT project_key
FROM runs
WHERE state = 1 AND deleted_at IS NULL AND created_at < ${timeOf("$1")}
LIMIT 1000`;

const CLOSED = `
SELECT DISTINCT project_key
FROM rejections
WHERE state <> 1 AND bytes IS NOT NULL AND closed_at < ${timeOf("$1")}
LIMIT 1000`;

const DELETED_RUNS = `
SELECT DISTINCT project_key
FROM runs
WHERE deleted_at IS NOT NULL AND purged_at IS NULL
LIMIT 1000`;

const DELETED_PROJECTS = `
SELECT p.project_key
FROM projects p
JOIN organizations o ON o.organization_key = p.organization_key
CROSS JOIN LATERAL (
  SELECT COALESCE(p.deleted_at, o.deleted_at) + $1::bigint * interval '1 millisecond' AS settled_at
) AS s
WHERE (p.deleted_at IS NOT NULL OR o.deleted_at IS NOT NULL)
  AND (p.purged_at IS NULL OR p.purged_at < s.settled_at AND s.settled_at <= now())
LIMIT 1000`;

// From one project to the next by an index: a DISTINCT would read all rows.
const eachProject = (table: string, condition: string) => `
WITH RECURSIVE found AS (
  (
    SELECT project_key
    FROM ${table}
    WHERE project_key > $1::bigint
    ORDER BY project_key
    LIMIT 1
  )
  UNION ALL
  SELECT next.project_key
  FROM found
  CROSS JOIN LATERAL (
    SELECT project_key
    FROM ${table}
    WHERE project_key > found.project_key
    ORDER BY project_key
    LIMIT 1
  ) AS next
)
SELECT project_key
FROM found
WHERE ${condition}
LIMIT $2::int`;

const UNFOLDED_EVENTS = eachProject("event_fold_queue", "true");
const UNFOLDED_RESULTS = eachProject("fold_queue", "true");
// By test_windows_by_day.
const TESTS_BEHIND = eachProject(
  "test_windows",
  `(
  SELECT min(day) FROM test_windows WHERE project_key = found.project_key AND day > '-infinity'
) < DATE '1970-01-01' + $3::int`,
);
