/** Tests with a flaky failure in a window, the surest first. */
import type { Queryable } from "./queryable.js";
import type { TestWindowDays } from "./test-windows.js";

/** Position in the list: by the value, descending, then by the id. */
export interface FlakyListKey {
  /** The lower end of the flake rate's interval. */
  readonly value: number;
  /** 32 hexadecimal digits. */
  readonly testId: string;
}

export interface FlakyListEntry extends FlakyListKey {
  readonly testKey: string;
}

/** Entries after a key. Serves from test_windows_flaky and the key of tests. */
export async function listFlakyKeys(
  db: Queryable,
  projectKey: string,
  days: TestWindowDays,
  after: FlakyListKey | null,
  limit: number,
  deadlineAt: number,
): Promise<FlakyListEntry[]> {
  const rows = await db.query<{ test_key: string; test_id: string; value: number }>(
    listText(days),
    [projectKey, after?.value ?? null, after?.testId ?? "", limit],
    { deadlineAt },
  );
  return rows.map((row) => ({ testKey: row.test_key, testId: row.test_id, value: row.value }));
}

/**
 * SQL of the lower end of the Wilson interval: wilsonInterval of src/stats, to the last digit. `successes` is over 0
 * and at most `trials`.
 */
export function wilsonLower(successes: string, trials: string): string {
  const value = `(${successes}::float8 / ${trials})`;
  const weight = `(${Z_SQUARED}::float8 / ${trials})`;
  return `((${value} + ${weight} / 2 - sqrt(${weight} * (${value} * (1 - ${value}) + ${weight} / 4)))
    / (1 + ${weight}))`;
}

const Z_SQUARED = 1.959963984540054 ** 2;

const listText = (days: TestWindowDays) => `
WITH flaky AS (
  SELECT w.test_key, t.test_id, ${wilsonLower("w.flaky", "w.decisive")} AS value
  FROM (
    SELECT test_key, flaky_${days} AS flaky, passed_${days} + failed_${days} AS decisive
    FROM test_windows
    WHERE project_key = $1 AND flaky_90 > 0 AND flaky_${days} > 0
  ) AS w
  CROSS JOIN LATERAL (
    SELECT test_id FROM tests WHERE project_key = $1 AND test_key = w.test_key OFFSET 0
  ) AS t
  WHERE w.decisive > 0
)
SELECT test_key, encode(test_id, 'hex') AS test_id, value
FROM flaky
WHERE $2::float8 IS NULL OR value < $2::float8
  OR (value = $2::float8 AND test_id > decode($3::text, 'hex'))
ORDER BY value DESC, flaky.test_id
LIMIT $4::int`;
