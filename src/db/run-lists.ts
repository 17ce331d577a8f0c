/** Finds runs: by their id, and as pages. */
import { PROJECT_LIVES } from "./living-run.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Param, Queryable } from "./queryable.js";

/** The key of a living run; null if there is none. */
export async function findRun(
  db: Queryable,
  projectKey: string,
  runId: string,
  deadlineAt: number,
): Promise<string | null> {
  const [row] = await db.query<{ run_key: string }>(FIND, [projectKey, runId], { deadlineAt });
  return row?.run_key ?? null;
}

/** Which runs; '', 0, null and no labels ask for all. */
export interface RunFilter {
  readonly branch: string;
  readonly commitSha: string;
  readonly state: number;
  readonly status: number;
  /** All of these. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the time they count at, in microseconds since the epoch. */
  readonly startUs: number | null;
  readonly endUs: number | null;
}

/** Position in the list of runs. */
export interface RunListKey {
  /** The time it counts at, in microseconds since the epoch. */
  readonly countedUs: number;
  readonly runId: string;
}

/** A run of a page. */
export interface ListedRun {
  readonly runKey: string;
  readonly position: RunListKey;
}

/** The bounds of a page. */
export interface RunPage {
  readonly after: RunListKey | null;
  readonly limit: number;
  /** Runs that are looked at for their labels; then the page ends short. */
  readonly maxExamined: number;
}

/**
 * Living runs, newest first (the time they count at, then run_id), and where the next page begins; null on
 * the last. Of a branch from runs_by_branch, else of a status from runs_by_status, of a state from runs_by_state, or
 * from runs_by_time. The runs of a commit are gathered by runs_by_commit and sorted.
 */
export async function listRuns(
  db: Queryable,
  projectKey: string,
  filter: RunFilter,
  page: RunPage,
  deadlineAt: number,
): Promise<{ runs: ListedRun[]; next: RunListKey | null }> {
  const params: Param[] = [projectKey];
  const text = listText(filter, page, (value) => {
    params.push(value);
    return `$${params.length}`;
  });
  const rows = await db.query<ListColumns>(text, params, { deadlineAt });
  // The last row alone tells where the search stopped: it is there also when no run has the labels.
  const edge = keyOf(rows.at(-1)?.edge_us ?? null, rows.at(-1)?.edge_id ?? null);
  const found = rows.flatMap(({ run_key, counted_us, run_id }) => {
    const position = keyOf(counted_us, run_id);
    return run_key === null || position === null ? [] : [{ runKey: run_key, position }];
  });
  const runs = found.slice(0, page.limit);
  return { runs, next: found.length > page.limit ? (runs.at(-1)?.position ?? null) : edge };
}

interface ListColumns {
  /** NULL where no run was found: the row tells the edge alone. */
  run_key: string | null;
  counted_us: string | null;
  run_id: string | null;
  edge_us: string | null;
  edge_id: string | null;
}

function keyOf(us: string | null, runId: string | null): RunListKey | null {
  const countedUs = readMicros(us);
  return countedUs === null || runId === null ? null : { countedUs, runId };
}

const FIND = `
SELECT run_key
FROM runs
WHERE project_key = $1 AND run_id = $2 AND deleted_at IS NULL
  AND ${PROJECT_LIVES}`;

type Bind = (value: Param) => string;

const NEWEST_FIRST = "ORDER BY counted_at DESC, run_id DESC";

/** The statement names only what the filter asks for, so that its plan is the same whatever the values are. */
function listText(filter: RunFilter, page: RunPage, bind: Bind): string {
  const range = rangeOf(filter, page.after, bind);
  // OFFSET 0 keeps the planner from looking for a commit in the order of time.
  const source =
    filter.commitSha === ""
      ? `FROM runs WHERE project_key = $1 AND deleted_at IS NULL${range}`
      : `FROM (
    SELECT *
    FROM runs
    WHERE project_key = $1 AND deleted_at IS NULL AND commit_sha <> '' AND commit_sha = ${bind(filter.commitSha)}
    OFFSET 0
  ) AS of_commit
  WHERE true${range}`;
  const limit = `${bind(page.limit + 1)}::int`;
  if (Object.keys(filter.labels).length === 0) {
    return pageText(`SELECT * ${source}`, NO_EDGE, limit);
  }
  const labels = `${bind(JSON.stringify(filter.labels))}::text::jsonb`;
  const maxExamined = `${bind(page.maxExamined)}::int`;
  return pageText(
    `SELECT *
  FROM (SELECT * ${source} ${NEWEST_FIRST} LIMIT ${maxExamined}) AS examined
  WHERE labels @> ${labels}`,
    // The last that was looked at, where the page did not fill.
    `SELECT counted_at, run_id
  ${source} AND (SELECT count(*) FROM found) < ${limit}
  ${NEWEST_FIRST}
  LIMIT 1 OFFSET ${maxExamined} - 1`,
    limit,
  );
}

function rangeOf(filter: RunFilter, after: RunListKey | null, bind: Bind): string {
  const conditions: string[] = [];
  if (filter.branch !== "") conditions.push(`branch = ${bind(filter.branch)}`);
  if (filter.status !== 0) conditions.push(`status = ${bind(filter.status)}::smallint`);
  if (filter.state !== 0) conditions.push(`state = ${bind(filter.state)}::smallint`);
  if (filter.startUs !== null) conditions.push(`counted_at >= ${timeOf(bind(filter.startUs))}`);
  if (filter.endUs !== null) conditions.push(`counted_at < ${timeOf(bind(filter.endUs))}`);
  if (after !== null) {
    const key = `(${timeOf(bind(after.countedUs))}, ${bind(after.runId)}::text)`;
    conditions.push(`(counted_at, run_id) < ${key}`);
  }
  return conditions.map((condition) => ` AND ${condition}`).join("");
}

const NO_EDGE = "SELECT NULL::timestamptz AS counted_at, NULL::text AS run_id";

/** The first of `source`, each beside the edge; the edge alone where there are none. */
const pageText = (source: string, edge: string, limit: string) => `
WITH found AS MATERIALIZED (
  SELECT run_key, counted_at, run_id
  FROM (${source}) AS candidates
  ${NEWEST_FIRST}
  LIMIT ${limit}
),
edge AS (${edge})
SELECT run_key, ${microsOf("found.counted_at")} AS counted_us, found.run_id, edge_us, edge_id
FROM (SELECT max(${microsOf("counted_at")}) AS edge_us, max(run_id) AS edge_id FROM edge) AS stop
LEFT JOIN found ON true
ORDER BY found.counted_at DESC, found.run_id DESC`;
