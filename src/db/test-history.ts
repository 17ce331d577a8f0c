/** The results of a test, newest run first: by the runs that each of its days names. */
import { limits } from "../limits.js";
import { plainArray } from "./array-literal.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
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

/** How far a history was told: all up to this result, or up to this run where nothing of it is left. */
export interface HistoryKey {
  /** A UTC day, in ISO form. */
  readonly day: string;
  /** Beyond the runs that the day names: its other runs are looked through. */
  readonly beyond: boolean;
  /** The run; null: nothing of the day was told. */
  readonly run: { readonly countedUs: number; readonly runId: string } | null;
  /** Null: nothing of the run is left. */
  readonly resultId: string | null;
}

export interface HistoryPage {
  readonly results: readonly StoredResult[];
  /** Where the next page begins; null on the last. */
  readonly next: HistoryKey | null;
}

/** Runs that are looked through for one page, where not each has results for it. */
const RUNS_EXAMINED = 1_000;

/**
 * A page of the results of a test that are folded, newest run first (the time it counts at, then run_id, both
 * descending), then by result_id; with statuses, only those. It may be short, even empty, with a next one.
 * Reads test_days by key, runs and results by key. A day with more runs than it names is looked through by
 * runs_by_time, some runs a page.
 */
export async function readTestHistory(
  db: Queryable,
  projectKey: string,
  testKey: string,
  after: HistoryKey | null,
  limit: number,
  deadlineAt: number,
  statuses: readonly number[] = [],
): Promise<HistoryPage> {
  const beyond = after?.beyond === true;
  const params = [
    projectKey,
    testKey,
    plainArray(statuses),
    after?.day ?? null,
    after?.run?.countedUs ?? null,
    after?.run?.runId ?? "",
    after?.resultId ?? null,
    limit + 1,
    limits.resultPageBytes,
    // A run may give nothing: then more of them fill a page.
    beyond || statuses.length > 0 ? Math.max(limit, RUNS_EXAMINED) : limit,
  ];
  const text = beyond ? BEYOND : NAMED;
  const rows = await db.query<HistoryColumns>(text, params, { deadlineAt });
  // The first row tells the test and where the search ended; it is there also when nothing was found.
  const [first] = rows;
  if (first === undefined) return { results: [], next: null };
  const test = toStoredTest(first);
  const found = rows.filter((row): row is HeadColumns & FoundColumns => row.run_key !== null);
  const results = resultsWithin(
    found.map((row) => toStoredResult(row, row, test)),
    limit,
    limits.resultPageBytes,
  );
  const last = found[results.length - 1];
  if (last === undefined || results.length === Number(first.found_count)) {
    return { results, next: nextOf(first) };
  }
  const run = { countedUs: Number(last.counted_us), runId: last.run_id };
  return { results, next: { day: last.day, beyond, run, resultId: last.result_id } };
}

/** Where the search goes on after everything that it found. */
function nextOf({ next_day: day, next_beyond: beyond, next_us, next_id }: StopColumns) {
  if (day === null) return null;
  const countedUs = readMicros(next_us);
  const run = countedUs === null ? null : { countedUs, runId: next_id ?? "" };
  return { day, beyond, run, resultId: null };
}

interface StopColumns {
  next_day: string | null;
  next_beyond: boolean;
  next_us: string | null;
  next_id: string | null;
}
/** What all results share; the first row alone has it. */
type HeadColumns = StopColumns & StoredTestColumns & { found_count: string };
type FoundColumns = StoredResultColumns & StoredRunColumns & { day: string; counted_us: string };
type HistoryColumns = HeadColumns & (FoundColumns | { run_key: null });

const NEWEST_FIRST = "day DESC, counted_at DESC, run_id DESC";

/**
 * The results of the CTE `candidates`, which has day, run_key, run_day, counted_at and RUN_COLUMNS, up to the limit and the
 * bytes; and `stop`, which says where the search goes on. Of each run no more are read than the page can hold. The last
 * run of the page before has told its results up to one.
 */
const pageText = (candidates: string, stop: string) => `
WITH ${candidates},
found AS MATERIALIZED (
  SELECT r.day, r.counted_at, ${RUN_COLUMNS}, s.*, ${RESULT_BYTES} AS size
  FROM candidates r
  CROSS JOIN LATERAL (
    SELECT ${RESULT_COLUMNS}
    FROM results
    WHERE project_key = $1 AND run_day = r.run_day AND run_key = r.run_key AND test_key = $2::bigint
      AND ($3::smallint[] = '{}' OR status = ANY ($3::smallint[]))
      AND ($7::text IS NULL OR result_id > $7 OR (r.counted_at, r.run_id) <> (${timeOf("$5")}, $6::text))
    ORDER BY result_id
    LIMIT $8::int
  ) s
  ORDER BY ${NEWEST_FIRST}, result_id
  LIMIT $8::int
),
page AS (${withinBytes(`ORDER BY ${NEWEST_FIRST}, result_id`, "$9::bigint")}),
stop AS (${stop})
SELECT *
FROM (
  SELECT 1::bigint AS place, (SELECT count(*) FROM found) AS found_count, stop.*, t.*
  FROM (${testOf("$2::bigint")}) AS t
  CROSS JOIN stop
) AS head
FULL JOIN (
  SELECT
    p.place, p.day::text AS day, ${microsOf("p.counted_at")} AS counted_us, ${storedRun("p")},
    ${storedResults.columns}
  FROM ${storedResults.from}
) AS told USING (place)
ORDER BY place`;

/** Whether a run comes after the one that the page before ended with, or is that one with results left. */
const AFTER = `(
      $5::bigint IS NULL OR (counted_at, run_id) < (${timeOf("$5")}, $6::text)
      OR $7::text IS NOT NULL AND (counted_at, run_id) = (${timeOf("$5")}, $6::text)
    )`;

/**
 * Days by the key of test_days, until they name as many runs as the page takes, or one of them has more runs than
 * it names.
 */
const NAMED = pageText(
  `days AS MATERIALIZED (
  SELECT day, run_keys, more_runs
  FROM (
    SELECT
      day, run_keys, more_runs,
      sum(cardinality(run_keys)) OVER before AS runs_before,
      bool_or(more_runs) OVER before AS more_before
    FROM (
      SELECT day, run_keys, more_runs
      FROM test_days
      WHERE project_key = $1 AND test_key = $2::bigint AND ($4::date IS NULL OR day <= $4::date)
      ORDER BY day DESC
      LIMIT $10::int
    ) AS newest
    WINDOW before AS (ORDER BY day DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ) AS counted
  WHERE COALESCE(runs_before, 0) <= $10::int AND NOT COALESCE(more_before, false)
),
candidates AS MATERIALIZED (
  SELECT d.day, r.*
  FROM days d
  CROSS JOIN LATERAL unnest(d.run_keys) AS k(run_key)
  CROSS JOIN LATERAL (
    SELECT run_key, run_day, counted_at, ${RUN_COLUMNS}
    FROM runs
    WHERE project_key = $1 AND run_key = k.run_key AND deleted_at IS NULL
    OFFSET 0
  ) r
  WHERE d.day IS DISTINCT FROM $4::date OR ${AFTER}
)`,
  `SELECT
    CASE WHEN more_runs THEN day::text ELSE (
      SELECT max(older.day)::text
      FROM test_days older
      WHERE older.project_key = $1 AND older.test_key = $2::bigint AND older.day < last_day.day
    ) END AS next_day,
    COALESCE(more_runs, false) AS next_beyond, NULL::bigint AS next_us, NULL::text AS next_id
  FROM (SELECT true) AS one
  LEFT JOIN (SELECT day, more_runs FROM days ORDER BY day LIMIT 1) AS last_day ON true`,
);

/**
 * The runs of a day that it does not name, none of which is newer than the oldest that it names; by runs_by_time.
 * Deleted runs keep their rows, so that the oldest named one tells its time until it is purged; of a day that names none
 * any more, all are looked through.
 */
const BEYOND = pageText(
  `today AS MATERIALIZED (
  SELECT
    day, run_keys, day::timestamp AT TIME ZONE 'UTC' AS starts_at,
    COALESCE(
      ${timeOf("$5")},
      (SELECT min(counted_at) FROM runs WHERE project_key = $1 AND run_key = ANY (run_keys)),
      (day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond'
    ) AS ends_at
  FROM test_days
  WHERE project_key = $1 AND test_key = $2::bigint AND day = $4::date
),
examined AS MATERIALIZED (
  SELECT today.day, r.*, run_key = ANY (today.run_keys) AS named
  FROM today
  CROSS JOIN LATERAL (
    SELECT run_key, run_day, counted_at, ${RUN_COLUMNS}
    FROM runs
    WHERE project_key = $1 AND deleted_at IS NULL
      AND counted_at >= today.starts_at AND counted_at <= today.ends_at AND ${AFTER}
    ORDER BY counted_at DESC, run_id DESC
    LIMIT $10::int
  ) r
),
candidates AS MATERIALIZED (
  SELECT * FROM examined WHERE NOT named
)`,
  `SELECT
    CASE WHEN last_run.run_id IS NOT NULL THEN day ELSE (
      SELECT max(older.day)
      FROM test_days older
      WHERE older.project_key = $1 AND older.test_key = $2::bigint AND older.day < $4::date
    ) END::text AS next_day,
    last_run.run_id IS NOT NULL AS next_beyond, ${microsOf("last_run.counted_at")} AS next_us,
    last_run.run_id AS next_id
  FROM (SELECT $4::date AS day) AS walked
  LEFT JOIN (
    SELECT counted_at, run_id
    FROM examined
    ORDER BY counted_at DESC, run_id DESC
    LIMIT 1 OFFSET $10::int - 1
  ) AS last_run ON true`,
);
