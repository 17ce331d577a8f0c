/** Counts of results by status, as every table of figures has them. */

export interface ResultTotals {
  readonly passed: number;
  readonly failed: number;
  readonly errored: number;
  readonly skipped: number;
  readonly precluded: number;
  readonly durationUs: number;
}

/** The columns of a row that `toResultTotals` reads; NULL counts as 0. */
export type TotalsColumns = Record<
  "passed" | "failed" | "errored" | "skipped" | "precluded" | "duration_us",
  string | number | null
>;

export function toResultTotals(row: TotalsColumns): ResultTotals {
  return {
    passed: Number(row.passed),
    failed: Number(row.failed),
    errored: Number(row.errored),
    skipped: Number(row.skipped),
    precluded: Number(row.precluded),
    durationUs: Number(row.duration_us),
  };
}

/**
 * What a row of the fold queue adds, as a lateral table `c` to the row `q` of project $1. What came is counted in the
 * ledger already; what leaves is counted here, as is what came if its row of the ledger has left.
 */
export const QUEUED_TOTALS = `LATERAL (
  SELECT
    passed_count AS passed, failed_count AS failed, errored_count AS errored, skipped_count AS skipped,
    precluded_count AS precluded, duration_us
  FROM batches
  WHERE q.weight = 1 AND project_key = $1 AND run_key = q.run_key AND batch_key = q.batch_key
  UNION ALL
  SELECT
    q.weight * count(*) FILTER (WHERE e.status = 1),
    q.weight * count(*) FILTER (WHERE e.status = 2),
    q.weight * count(*) FILTER (WHERE e.status = 3),
    q.weight * count(*) FILTER (WHERE e.status = 4),
    q.weight * count(*) FILTER (WHERE e.status = 5),
    q.weight * COALESCE(sum(e.duration_us), 0)
  FROM unnest(q.statuses, q.durations) AS e(status, duration_us)
  HAVING q.weight <> 1 OR NOT EXISTS (
    SELECT FROM batches WHERE project_key = $1 AND run_key = q.run_key AND batch_key = q.batch_key
  )
) AS c`;
