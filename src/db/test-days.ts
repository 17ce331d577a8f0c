/** The UTC days of a test. */
import type { Queryable } from "./queryable.js";
import { type ResultTotals, type TotalsColumns, toResultTotals } from "./result-totals.js";

export interface TestDayRecord {
  /** Days since the epoch. */
  readonly day: number;
  readonly results: ResultTotals;
  /** Flaky failures. */
  readonly flaky: number;
  /** A histogram of durations. */
  readonly durations: Uint8Array;
}

/** The days from one to another that have results of the test, oldest first. Serves from the key of test_days. */
export async function readTestDays(
  db: Queryable,
  projectKey: string,
  testKey: string,
  firstDay: number,
  lastDay: number,
  deadlineAt: number,
): Promise<TestDayRecord[]> {
  const rows = await db.query<DayColumns>(READ, [projectKey, testKey, firstDay, lastDay], {
    deadlineAt,
  });
  return rows.map((row) => ({
    day: row.day,
    results: toResultTotals(row),
    flaky: row.flaky,
    durations: row.durations,
  }));
}

interface DayColumns extends TotalsColumns {
  day: number;
  flaky: number;
  durations: Uint8Array;
}

const READ = `
SELECT
  day - date '1970-01-01' AS day, passed_count AS passed, failed_count AS failed,
  errored_count AS errored, skipped_count AS skipped, precluded_count AS precluded, duration_us,
  flaky_count AS flaky, durations
FROM test_days
WHERE project_key = $1 AND test_key = $2
  AND day >= date '1970-01-01' + $3::int AND day <= date '1970-01-01' + $4::int
  AND passed_count + failed_count + errored_count + skipped_count + precluded_count > 0
ORDER BY test_days.day`;
