/** What is folded of a run whose facts have changed. */
import type { Queryable } from "./queryable.js";

/** Folded results of a run, as parallel array literals, and the last of them. */
export interface FoldedResults {
  readonly testKeys: string;
  readonly statuses: string;
  readonly durations: string;
  readonly count: number;
  readonly lastTestKey: number;
  readonly lastResultId: string;
}

/**
 * Results of a run behind one of them, by test and id: by the primary key of results, without those that the queue
 * holds. Null where there are no more.
 */
export async function readFoldedResults(
  db: Queryable,
  projectKey: string,
  run: { readonly runKey: string; readonly runDay: string },
  after: { readonly testKey: number; readonly resultId: string },
  limit: number,
): Promise<FoldedResults | null> {
  const [row] = await db.query<FoldedColumns>(FOLDED, [
    projectKey,
    run.runKey,
    run.runDay,
    after.testKey,
    after.resultId,
    limit,
  ]);
  if (row === undefined || row.count === 0) return null;
  return {
    testKeys: row.test_keys,
    statuses: row.statuses,
    durations: row.durations,
    count: row.count,
    lastTestKey: Number(row.last_test_key),
    lastResultId: row.last_result_id,
  };
}

interface FoldedColumns {
  test_keys: string;
  statuses: string;
  durations: string;
  count: number;
  last_test_key: string;
  last_result_id: string;
}

const FOLDED = `
SELECT
  array_agg(test_key ORDER BY test_key, result_id)::text AS test_keys,
  array_agg(status ORDER BY test_key, result_id)::text AS statuses,
  array_agg(duration_us ORDER BY test_key, result_id)::text AS durations,
  count(*)::int AS count, max(test_key) AS last_test_key,
  (array_agg(result_id ORDER BY test_key DESC, result_id DESC))[1] AS last_result_id
FROM (
  SELECT test_key, result_id, status, duration_us
  FROM results r
  WHERE project_key = $1 AND run_day = $3::text::date AND run_key = $2::bigint
    AND test_key >= $4::bigint AND (test_key, result_id) > ($4::bigint, $5::text)
    AND NOT EXISTS (
      SELECT FROM fold_queue q
      WHERE q.project_key = $1 AND q.run_key = $2::bigint AND q.batch_key = r.batch_key
    )
  ORDER BY test_key, result_id
  LIMIT $6::int
) page`;
