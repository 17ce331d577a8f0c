/** Pages of the results of a run. */
import { plainArray } from "./array-literal.js";
import type { Param, Queryable } from "./queryable.js";
import {
  RESULT_BYTES,
  RESULT_COLUMNS,
  RUN_COLUMNS,
  resultsWithin,
  type StoredResult,
  type StoredResultColumns,
  type StoredRunColumns,
  type StoredTestColumns,
  storedResults,
  storedRun,
  testOf,
  toStoredResult,
  toStoredTest,
  withinBytes,
} from "./stored-results.js";
import { containsText } from "./test-texts.js";

/** Which results. */
export interface ResultFilter {
  /** Of one test; null asks for all. */
  readonly testKey: string | null;
  /** With one of these; none asks for all. */
  readonly statuses: readonly number[];
  /** Of tests that contain this, whatever its case; '' asks for all. */
  readonly text: string;
}

/** Position in the results of a run. */
export interface ResultListKey {
  readonly testKey: string;
  readonly resultId: string;
}

/** The bounds of a page. */
export interface ResultPage {
  readonly after: ResultListKey | null;
  readonly limit: number;
  /** It ends once its texts pass this; it has one result at least. */
  readonly maxBytes: number;
  /** It ends once so many results were looked at. */
  readonly maxExamined: number;
}

/** Some results of a run, and where the next page begins; null on the last. */
export interface RunResults {
  readonly results: readonly StoredResult[];
  readonly next: ResultListKey | null;
}

/**
 * The results of a run that match, in the order of test_key and result_id; null of a run that is gone. Reads them by the primary key; failed and errored ones alone by results_failures, which has the
 * same order. Where neither tells all that the filter asks for, a page may be short, even empty.
 */
export async function listRunResults(
  db: Queryable,
  projectKey: string,
  runKey: string,
  filter: ResultFilter,
  page: ResultPage,
  deadlineAt: number,
): Promise<RunResults | null> {
  const params: Param[] = [projectKey, runKey];
  const text = listText(filter, page, (value) => {
    params.push(value);
    return `$${params.length}`;
  });
  const rows = await db.query<PageColumns>(text, params, { deadlineAt });
  // The first row tells the run and where the search stopped; it is there also when nothing was found.
  const [run] = rows;
  if (run === undefined) return null;
  const found = rows.filter((row): row is HeadColumns & FoundColumns => row.run_key !== null);
  const all = found.map((row) => toStoredResult(row, run, toStoredTest(row)));
  const results = resultsWithin(all, page.limit, page.maxBytes);
  const last = results.at(-1);
  const next =
    last !== undefined && results.length < Number(run.found_count)
      ? { testKey: last.testKey, resultId: last.resultId }
      : keyOf(run.edge_test, run.edge_result);
  return { results, next };
}

/** What all results share; the first row alone has it. */
interface HeadColumns extends StoredRunColumns {
  found_count: string;
  edge_test: string | null;
  edge_result: string | null;
}
type FoundColumns = StoredResultColumns & StoredTestColumns;
type PageColumns = HeadColumns & (FoundColumns | { run_key: null });

function keyOf(testKey: string | null, resultId: string | null): ResultListKey | null {
  return testKey === null || resultId === null ? null : { testKey, resultId };
}

type Bind = (value: Param) => string;

const IN_ORDER = "ORDER BY test_key, result_id";

/** The statement names only what the filter asks for, so that its plan is the same whatever the values are. */
function listText(filter: ResultFilter, page: ResultPage, bind: Bind): string {
  const isFailing = filter.statuses.length > 0 && filter.statuses.every((s) => s === 2 || s === 3);
  const range = rangeOf(filter, isFailing, page.after, bind);
  const limit = `${bind(page.limit + 1)}::int`;
  const maxBytes = `${bind(page.maxBytes)}::bigint`;
  const needsStatus = filter.statuses.length > 0 && !(isFailing && filter.statuses.length === 2);
  if (!needsStatus && filter.text === "") {
    return pageText(`SELECT * FROM results WHERE ${range}`, NO_EDGE, limit, maxBytes);
  }
  const status = needsStatus
    ? `AND status = ANY (${bind(plainArray(filter.statuses))}::smallint[])`
    : "";
  const maxExamined = `${bind(page.maxExamined)}::int`;
  const examinedLast = `SELECT test_key, result_id
  FROM results
  WHERE ${range}
  ${IN_ORDER}
  LIMIT 1 OFFSET ${maxExamined} - 1`;
  if (filter.text === "") {
    return pageText(
      `SELECT *
  FROM (SELECT * FROM results WHERE ${range} ${IN_ORDER} LIMIT ${maxExamined}) AS examined
  WHERE true ${status}`,
      // Only where the page did not fill.
      `SELECT * FROM (${examinedLast}) AS last WHERE (SELECT count(*) FROM found) < ${limit}`,
      limit,
      maxBytes,
    );
  }
  // The tests are found by an array of keys: one by one, each beside its result, it takes three times as long.
  return pageText(
    `SELECT *
  FROM results
  WHERE ${range} ${status} AND test_key = ANY (ARRAY(
    SELECT test_key
    FROM tests
    WHERE project_key = $1 AND ${containsText("tests", bind(filter.text), filter.text)} AND test_key = ANY (ARRAY(
      SELECT test_key FROM results WHERE ${range} ${IN_ORDER} LIMIT ${maxExamined}
    ))
  )) AND (test_key, result_id) <= (
    COALESCE((SELECT test_key FROM examined_last), ${MAX_KEY}),
    COALESCE((SELECT result_id FROM examined_last), '')
  )`,
    "SELECT * FROM examined_last",
    limit,
    maxBytes,
    `examined_last AS MATERIALIZED (${examinedLast}),`,
  );
}

/** Of a bigint. */
const MAX_KEY = 2n ** 63n - 1n;

function rangeOf(
  { testKey }: ResultFilter,
  isFailing: boolean,
  after: ResultListKey | null,
  bind: Bind,
): string {
  const conditions = [
    "project_key = $1",
    "run_day = (SELECT run_day FROM run)",
    "run_key = (SELECT run_key FROM run)",
  ];
  if (isFailing) conditions.push("status IN (2, 3)");
  if (testKey !== null) conditions.push(`test_key = ${bind(testKey)}::bigint`);
  if (after !== null) {
    const key = `(${bind(after.testKey)}::bigint, ${bind(after.resultId)}::text)`;
    conditions.push(`(test_key, result_id) > ${key}`);
  }
  return conditions.join(" AND ");
}

const NO_EDGE = "SELECT NULL::bigint AS test_key, NULL::text AS result_id";

/**
 * The first of `source`, which may need more tables, until they pass the bytes, beside the run and the edge; these alone
 * where there are none.
 */
const pageText = (source: string, edge: string, limit: string, maxBytes: string, more = "") => `
WITH run AS MATERIALIZED (
  SELECT run_key, run_day, ${RUN_COLUMNS}
  FROM runs
  WHERE project_key = $1 AND run_key = $2 AND deleted_at IS NULL
),
${more}
found AS MATERIALIZED (
  SELECT ${RESULT_COLUMNS}, ${RESULT_BYTES} AS size
  FROM (${source}) AS candidates
  ${IN_ORDER}
  LIMIT ${limit}
),
page AS (${withinBytes(IN_ORDER, maxBytes)}),
edge AS (${edge})
SELECT *
FROM (
  SELECT
    1::bigint AS place, (SELECT count(*) FROM found) AS found_count, stop.*, ${storedRun("run")}
  FROM run
  CROSS JOIN (SELECT max(test_key) AS edge_test, max(result_id) AS edge_result FROM edge) AS stop
) AS head
FULL JOIN (
  SELECT p.place, t.*, ${storedResults.columns}
  FROM ${storedResults.from}
  CROSS JOIN LATERAL (${testOf("p.test_key")}) t
) AS told USING (place)
ORDER BY place`;
