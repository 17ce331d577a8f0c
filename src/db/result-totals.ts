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

/** What a row of the fold queue adds, as a lateral table `c` to the row `q`. */
export const QUEUED_TOTALS = `LATERAL (
  SELECT
    q.weight * count(*) FILTER (WHERE e.status = 1) AS passed,
    q.weight * count(*) FILTER (WHERE e.status = 2) AS failed,
    q.weight * count(*) FILTER (WHERE e.status = 3) AS errored,
    q.weight * count(*) FILTER (WHERE e.status = 4) AS skipped,
    q.weight * count(*) FILTER (WHERE e.status = 5) AS precluded,
    q.weight * COALESCE(sum(e.duration_us), 0) AS duration_us
  FROM unnest(q.statuses, q.durations) AS e(status, duration_us)
) AS c`;
