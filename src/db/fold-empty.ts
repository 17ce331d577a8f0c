/** Rows of figures that count nothing any more, when all results that they counted were taken away. */
import { plainArray } from "./array-literal.js";
import type { Queryable } from "./queryable.js";

/**
 * Removes the empty days of these tests, the windows of those that have no other, and these groups of failures if
 * they have none; if the project still has this version.
 */
export async function dropEmptyFigures(
  db: Queryable,
  projectKey: string,
  version: string,
  testKeys: readonly number[],
  fingerprints: readonly string[],
  deadlineAt: number,
): Promise<void> {
  await db.query(DROP, [projectKey, version, plainArray(testKeys), plainArray(fingerprints)], {
    deadlineAt,
  });
}

const COUNTS =
  "passed_count, failed_count, errored_count, skipped_count, precluded_count, flaky_count";
const IS_EMPTY = `(${COUNTS}) = (0, 0, 0, 0, 0, 0)`;

// The parts see the same rows: windows go by the days that count something, not by those that are left. Days are removed
// by their place: the planner takes empty ones for so rare that it would look through those of all tests.
const DROP = `
WITH guard AS (
  UPDATE fold_states
  SET version = version + 1
  WHERE project_key = $1 AND version = $2::bigint
  RETURNING 1
),
days AS (
  DELETE FROM test_days
  WHERE EXISTS (SELECT FROM guard) AND ctid = ANY (ARRAY(
    SELECT place
    FROM unnest($3::bigint[]) AS d(test_key)
    CROSS JOIN LATERAL (
      SELECT ctid AS place
      FROM test_days
      WHERE project_key = $1 AND test_key = d.test_key AND ${IS_EMPTY}
      OFFSET 0
    ) AS empty
  ))
),
windows AS (
  DELETE FROM test_windows AS t
  USING guard, unnest($3::bigint[]) AS d(test_key)
  WHERE t.project_key = $1 AND t.test_key = d.test_key AND NOT EXISTS (
    SELECT FROM test_days
    WHERE project_key = $1 AND test_key = t.test_key AND NOT ${IS_EMPTY}
    OFFSET 0
  )
)
DELETE FROM failure_groups AS t
USING guard, unnest($4::bigint[]) AS d(fingerprint)
WHERE t.project_key = $1 AND t.fingerprint = d.fingerprint AND NOT EXISTS (
  SELECT FROM failure_group_tests
  WHERE project_key = $1 AND fingerprint = t.fingerprint
  OFFSET 0
)`;
