/** Tests that have results in a window, in the order of one of its figures. */
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import { containsText } from "./test-texts.js";
import { type TestWindowDays, windowResults } from "./test-windows.js";

/** A figure that tests are sorted by, the highest first. */
export type TestOrder =
  | "failures"
  | "failureRate"
  | "flakeRate"
  | "p95Duration"
  | "totalTime"
  | "lastSeen";

export interface TestListQuery {
  readonly days: TestWindowDays;
  readonly order: TestOrder;
  /** Part of suite, file, name or parameters, whatever its case; '' matches all. */
  readonly text: string;
}

/**
 * Position in a list of tests: by the value, descending, then in the order in which the project first saw them. By
 * their ids it would take a look at every test besides its figures: 1.7 times the processor time at 20,000 tests.
 */
export interface TestListKey {
  readonly value: number;
  readonly testKey: string;
}

/**
 * Entries after a key, and how many tests the whole list has. Serves from a key of test_windows; with a text, from
 * that of tests too.
 */
export async function listTestKeys(
  db: Queryable,
  projectKey: string,
  query: TestListQuery,
  after: TestListKey | null,
  limit: number,
  deadlineAt: number,
): Promise<{ readonly entries: readonly TestListKey[]; readonly testCount: number }> {
  const rows = await db.query<ListColumns>(
    listText(query),
    [projectKey, after?.value ?? null, after?.testKey ?? null, limit, query.text],
    { deadlineAt },
  );
  return {
    entries: rows.flatMap(({ test_key, value }) =>
      test_key === null ? [] : [{ testKey: test_key, value }],
    ),
    testCount: Number(rows[0]?.test_count ?? 0),
  };
}

interface ListColumns {
  test_count: string;
  /** NULL in the one row of a page without tests. */
  test_key: string | null;
  value: number;
}

const VALUES: Readonly<Record<TestOrder, (days: TestWindowDays) => string>> = {
  failures: (days) => `w.failed_${days} + w.errored_${days}`,
  failureRate: (days) => `COALESCE(
      (w.failed_${days} + w.errored_${days})::float8
        / NULLIF(w.passed_${days} + w.failed_${days} + w.errored_${days}, 0),
      0
    )`,
  flakeRate: (days) =>
    `COALESCE(w.flaky_${days}::float8 / NULLIF(w.passed_${days} + w.failed_${days}, 0), 0)`,
  p95Duration: (days) => `w.p95_us_${days}`,
  totalTime: (days) => `w.duration_us_${days}`,
  lastSeen: () => microsOf("w.last_counted_at"),
};

/** Every value is exact as a double. */
function listText({ days, order, text }: TestListQuery): string {
  const valued = `
  SELECT w.test_key, (${VALUES[order](days)})::float8 AS value
  FROM test_windows AS w
  WHERE w.project_key = $1 AND ${windowResults(days)} > 0`;
  return `
WITH found AS MATERIALIZED (
  ${text === "" ? `${valued} AND $5::text = ''` : containing(valued, text)}
),
page AS (
  SELECT test_key, value
  FROM found
  WHERE $2::float8 IS NULL OR value < $2::float8 OR (value = $2::float8 AND test_key > $3::bigint)
  ORDER BY value DESC, test_key
  LIMIT $4::int
)
SELECT test_count, test_key, value
FROM (SELECT count(*) AS test_count FROM found) AS whole
LEFT JOIN page ON true
ORDER BY value DESC, test_key`;
}

/** Of the valued tests those that contain the text. A FULL JOIN is never a nested loop, which would look at all tests for each. */
const containing = (valued: string, text: string) => `
  SELECT v.test_key, value
  FROM (${valued}) AS v
  FULL JOIN (
    SELECT test_key FROM tests AS t WHERE project_key = $1 AND ${containsText("t", "$5", text)}
  ) AS named ON named.test_key = v.test_key
  WHERE COALESCE(v.test_key, 0) > 0 AND COALESCE(named.test_key, 0) > 0`;
