/** What the windows of tests need to move on to another day. */
import { plainArray } from "./array-literal.js";
import type { Micros, StatusCounts } from "./fold-rows.js";
import type { Queryable } from "./queryable.js";

/** Tests of a project whose windows end before a day, those that are furthest behind first; by test_windows_by_day. */
export async function listTestsBehind(
  db: Queryable,
  projectKey: string,
  today: number,
  limit: number,
): Promise<number[]> {
  const rows = await db.query<{ test_key: string }>(BEHIND, [projectKey, today, limit]);
  return rows.map((row) => Number(row.test_key));
}

/** A stored day of a test. */
export interface StoredTestDay {
  readonly testKey: number;
  readonly day: number;
  readonly counts: StatusCounts;
  readonly flaky: number;
  readonly durationUs: Micros;
  readonly durations: Uint8Array;
}

/** The days of these tests that lie in these ranges, ends included; by the primary key of test_days. */
export async function readTestDaysIn(
  db: Queryable,
  projectKey: string,
  testKeys: readonly number[],
  ranges: readonly (readonly [first: number, last: number])[],
): Promise<StoredTestDay[]> {
  const rows = await db.query<DayColumns>(DAYS_IN, [
    projectKey,
    plainArray(testKeys),
    plainArray(ranges.map(([first]) => first)),
    plainArray(ranges.map(([, last]) => last)),
  ]);
  return rows.map((row) => ({
    testKey: Number(row.test_key),
    day: row.day,
    counts: [
      row.passed_count,
      row.failed_count,
      row.errored_count,
      row.skipped_count,
      row.precluded_count,
    ],
    flaky: row.flaky_count,
    durationUs: row.duration_us,
    durations: row.durations,
  }));
}

interface DayColumns {
  test_key: string;
  day: number;
  passed_count: number;
  failed_count: number;
  errored_count: number;
  skipped_count: number;
  precluded_count: number;
  flaky_count: number;
  duration_us: string;
  durations: Uint8Array;
}

const BEHIND = `
SELECT test_key
FROM test_windows
WHERE project_key = $1 AND day > '-infinity' AND day < DATE '1970-01-01' + $2::int
ORDER BY day
LIMIT $3::int`;

const DAYS_IN = `
SELECT
  t.test_key, d.day - DATE '1970-01-01' AS day, d.passed_count, d.failed_count, d.errored_count,
  d.skipped_count, d.precluded_count, d.flaky_count, d.duration_us, d.durations
FROM unnest($2::bigint[]) AS t(test_key)
CROSS JOIN unnest($3::int[], $4::int[]) AS r(first_day, last_day)
CROSS JOIN LATERAL (
  SELECT *
  FROM test_days
  WHERE project_key = $1 AND test_key = t.test_key
    AND day BETWEEN DATE '1970-01-01' + r.first_day AND DATE '1970-01-01' + r.last_day
  OFFSET 0
) d`;
