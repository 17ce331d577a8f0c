/** What remains of tests where runs leave them: their newest other runs, and the newest failures of their groups. */
import { plainArray } from "./array-literal.js";
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** A folded run of a test, with the statuses of its results: bit 1 << status for each. */
export interface HistoryRun {
  readonly testKey: number;
  readonly runKey: string;
  readonly countedUs: number;
  readonly statuses: number;
}

/**
 * Of each test the newest run that is not among `except` and still has results, and up to `decisive` of those that
 * have a passed or failed one. By the days of the test, newest first; where a day does not name all its runs, by
 * runs_by_time.
 */
export async function readHistories(
  db: Queryable,
  projectKey: string,
  testKeys: readonly number[],
  except: readonly string[],
  decisive: number,
): Promise<HistoryRun[]> {
  const rows = await db.query<HistoryColumns>(HISTORIES, [
    projectKey,
    plainArray(testKeys),
    plainArray(except),
    decisive,
  ]);
  return rows.map((row) => ({
    testKey: Number(row.test_key),
    runKey: row.run_key,
    countedUs: Number(row.counted_us),
    statuses: row.statuses,
  }));
}

/** When the newest failure of a group in a test counts, of those in other runs than `except`. */
export async function readNewestFailures(
  db: Queryable,
  projectKey: string,
  groups: readonly { readonly fingerprint: string; readonly testKey: number }[],
  except: readonly string[],
): Promise<(number | null)[]> {
  const rows = await db.query<{ ord: number; counted_us: string }>(NEWEST_FAILURES, [
    projectKey,
    plainArray(groups.map(({ fingerprint }) => fingerprint)),
    plainArray(groups.map(({ testKey }) => testKey)),
    plainArray(except),
  ]);
  const found: (number | null)[] = new Array(groups.length).fill(null);
  for (const row of rows) found[row.ord - 1] = Number(row.counted_us);
  return found;
}

interface HistoryColumns {
  test_key: string;
  run_key: string;
  counted_us: string;
  statuses: number;
}

/** Runs of a test, newest first, as far as they are asked for. */
const runsOf = (condition: string, limit: string) => `
  SELECT d.day, n.run_key, f.counted_at, s.statuses
  FROM test_days d
  CROSS JOIN LATERAL (
    SELECT unnest(d.run_keys) AS run_key
    UNION
    SELECT run_key
    FROM runs
    WHERE d.more_runs AND project_key = $1 AND deleted_at IS NULL
      AND counted_at >= d.day::timestamp AT TIME ZONE 'UTC'
      AND counted_at < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
  ) n
  CROSS JOIN LATERAL (
    SELECT counted_at FROM folded_runs WHERE project_key = $1 AND run_key = n.run_key OFFSET 0
  ) f
  CROSS JOIN LATERAL (
    SELECT run_day FROM runs WHERE project_key = $1 AND run_key = n.run_key AND deleted_at IS NULL OFFSET 0
  ) r
  CROSS JOIN LATERAL (
    SELECT bit_or(1 << status::int) AS statuses
    FROM results
    WHERE project_key = $1 AND run_day = r.run_day AND run_key = n.run_key AND test_key = t.test_key
    OFFSET 0
  ) s
  WHERE d.project_key = $1 AND d.test_key = t.test_key AND n.run_key <> ALL ($3::bigint[])
    AND ${condition}
  ORDER BY d.day DESC, f.counted_at DESC, n.run_key DESC
  LIMIT ${limit}`;

// A day at a time, in the order of the primary key of test_days, until there are enough. 1 << 1 is passed, 1 << 2
// failed.
const HISTORIES = `
SELECT DISTINCT t.test_key, h.run_key, ${microsOf("h.counted_at")} AS counted_us, h.statuses
FROM unnest($2::bigint[]) AS t(test_key)
CROSS JOIN LATERAL (
  (${runsOf("s.statuses IS NOT NULL", "1")})
  UNION ALL
  (${runsOf("s.statuses & 6 <> 0", "$4::int")})
) h`;

// By failures_by_group.
const NEWEST_FAILURES = `
SELECT d.ord::int, ${microsOf("f.counted_at")} AS counted_us
FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS d(fingerprint, test_key, ord)
CROSS JOIN LATERAL (
  SELECT counted_at
  FROM failures
  WHERE project_key = $1 AND fingerprint = d.fingerprint AND test_key = d.test_key
    AND run_key <> ALL ($4::bigint[])
  ORDER BY counted_at DESC
  LIMIT 1
) f`;
