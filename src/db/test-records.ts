/** Tests with their figures over a window. */
import { plainArray } from "./array-literal.js";
import { PROJECT_LIVES } from "./living-run.js";
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { type ResultTotals, type TotalsColumns, toResultTotals } from "./result-totals.js";
import type { StoredTest } from "./stored-results.js";
import { type TestWindowDays, windowColumns } from "./test-windows.js";
import { testOf } from "./tests.js";

export interface TestRecord extends StoredTest {
  readonly testKey: string;
  /** Null while nothing of the test is folded. */
  readonly window: TestWindowRecord | null;
}

/** What the results of a test add up to over a window. */
export interface TestWindowRecord {
  /** The last day of the window, in days since the epoch. */
  readonly day: number;
  readonly results: ResultTotals;
  /** Flaky failures. */
  readonly flaky: number;
  /** A histogram of durations; null of a day without any. */
  readonly durations: Uint8Array | null;
  /** Its newest runs with a passed or failed result, whatever the window. */
  readonly recent: Uint8Array;
  /** Passed and failed results on days after that of the last flaky failure; 0 without one. */
  readonly decisiveSince: number;
  /** The newest run with a result of it, '' if that is deleted, and the worst status there. */
  readonly lastRunId: string;
  readonly lastSeenUs: number;
  readonly lastStatus: number;
}

/** The key of a test; null if there is none. Serves from tests_by_id. */
export async function findTest(
  db: Queryable,
  projectKey: string,
  testId: string,
  deadlineAt: number,
): Promise<string | null> {
  const [row] = await db.query<{ test_key: string }>(FIND, [projectKey, testId], { deadlineAt });
  return row?.test_key ?? null;
}

/** The records of tests, in their order; those that are gone are left out. Serves from the keys of its tables. */
export async function readTestRecords(
  db: Queryable,
  projectKey: string,
  testKeys: readonly string[],
  days: TestWindowDays,
  deadlineAt: number,
): Promise<TestRecord[]> {
  if (testKeys.length === 0) return [];
  const params = [projectKey, plainArray(testKeys), days];
  const rows = await db.query<RecordColumns>(readText(days), params, { deadlineAt });
  return rows.map(toRecord);
}

interface RecordColumns extends Omit<StoredTest, "testId">, TotalsColumns {
  test_key: string;
  test_id: string;
  flaky: number;
  /** NULL without figures. */
  day: number | null;
  durations: Uint8Array | null;
  recent: Uint8Array;
  decisive_since: string | null;
  last_run_id: string | null;
  last_seen_us: string;
  last_status: number;
}

function toRecord(row: RecordColumns): TestRecord {
  const { day } = row;
  return {
    testKey: row.test_key,
    testId: row.test_id,
    suite: row.suite,
    file: row.file,
    name: row.name,
    parameters: row.parameters,
    variant: row.variant,
    window:
      day === null
        ? null
        : {
            day,
            results: toResultTotals(row),
            flaky: row.flaky,
            durations: row.durations,
            recent: row.recent,
            decisiveSince: Number(row.decisive_since),
            lastRunId: row.last_run_id ?? "",
            lastSeenUs: Number(row.last_seen_us),
            lastStatus: row.last_status,
          },
  };
}

const FIND = `
SELECT test_key
FROM tests
WHERE ${testOf("decode($2::text, 'hex')")}
  AND ${PROJECT_LIVES}`;

/** OFFSET 0 keeps look-ups by key. The durations of one day are those of its row. */
const readText = (days: TestWindowDays) => `
SELECT
  t.*, w.*, r.run_id AS last_run_id,
  (
    SELECT sum(d.passed_count + d.failed_count)
    FROM test_days AS d
    WHERE w.flaky > 0 AND d.project_key = $1 AND d.test_key = k.test_key AND d.day > (
      SELECT max(f.day)
      FROM test_days AS f
      WHERE f.project_key = $1 AND f.test_key = k.test_key AND f.flaky_count > 0
        AND f.day > w.last_day - $3::int AND f.day <= w.last_day
    )
  ) AS decisive_since
  ${
    days === 1
      ? `, (
    SELECT d.durations
    FROM test_days AS d
    WHERE d.project_key = $1 AND d.test_key = k.test_key AND d.day = w.last_day
  ) AS durations`
      : ""
  }
FROM unnest($2::bigint[]) WITH ORDINALITY AS k(test_key, place)
CROSS JOIN LATERAL (
  SELECT test_key, encode(test_id, 'hex') AS test_id, suite, file, name, parameters, variant
  FROM tests
  WHERE project_key = $1 AND test_key = k.test_key
  OFFSET 0
) AS t
LEFT JOIN LATERAL (
  SELECT
    ${windowColumns(days)}, w.day AS last_day, w.day - date '1970-01-01' AS day,
    ${days === 1 ? "" : `w.durations_${days} AS durations,`} w.recent, w.last_run_key,
    ${microsOf("w.last_counted_at")} AS last_seen_us, w.last_status
  FROM test_windows AS w
  WHERE w.project_key = $1 AND w.test_key = k.test_key
  OFFSET 0
) AS w ON true
LEFT JOIN LATERAL (
  SELECT run_id
  FROM runs
  WHERE project_key = $1 AND run_key = w.last_run_key AND deleted_at IS NULL
  OFFSET 0
) AS r ON true
ORDER BY k.place`;
