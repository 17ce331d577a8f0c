/** What parts of a run add up to: results by status, and what was refused of them. */
import type { ResultTotals } from "./result-totals.js";

/** Sums over the ledger: what is folded of it, and what is not yet. */
export interface Counts extends ResultTotals {
  readonly accepted: number;
  readonly late: number;
  readonly duplicates: number;
  /** Of the duplicates, those that another part had stored. */
  readonly foreign: number;
  readonly conflicts: number;
}

/** The columns of COUNT_SUMS. */
export const COUNT_NAMES = [
  "accepted",
  "passed",
  "failed",
  "errored",
  "skipped",
  "precluded",
  "counted_us",
  "late",
  "duplicates",
  "foreign",
  "conflicts",
] as const;

/** Sums of LEDGER. */
export const COUNT_SUMS = COUNT_NAMES.map((name) => `sum("${name}") AS "${name}"`).join(", ");

/**
 * The ledger of the run `r` of project $1 by part: what is folded, and the queue's rows of it, by their keys. Its cost
 * grows with what is not folded, not with the ledger.
 */
export const LEDGER = `(
  SELECT
    part_id, accepted_count AS accepted, passed_count AS passed, failed_count AS failed,
    errored_count AS errored, skipped_count AS skipped, precluded_count AS precluded, duration_us AS counted_us,
    late_count AS late, duplicate_count AS duplicates, foreign_count AS "foreign", conflict_count AS conflicts
  FROM part_totals
  WHERE project_key = $1 AND run_key = r.run_key
  UNION ALL
  SELECT
    b.part_id, accepted_count, passed_count, failed_count, errored_count, skipped_count, precluded_count,
    duration_us, CASE WHEN late THEN accepted_count ELSE 0 END, duplicate_count, foreign_count, conflict_count
  FROM fold_queue q
  CROSS JOIN LATERAL (
    SELECT *
    FROM batches
    WHERE project_key = $1 AND run_key = q.run_key AND batch_key = q.batch_key
    OFFSET 0
  ) b
  WHERE q.project_key = $1 AND q.run_key = r.run_key AND q.weight = 1
)`;

/** The values of COUNT_NAMES, in this order; null where nothing was counted. */
export function toCounts(values: readonly (number | string | null)[]): Counts {
  const [accepted, passed, failed, errored, skipped, precluded, countedUs, ...repeats] =
    values.map(Number);
  const [late, duplicates, foreign, conflicts] = repeats;
  return {
    accepted: accepted ?? 0,
    passed: passed ?? 0,
    failed: failed ?? 0,
    errored: errored ?? 0,
    skipped: skipped ?? 0,
    precluded: precluded ?? 0,
    durationUs: countedUs ?? 0,
    late: late ?? 0,
    duplicates: duplicates ?? 0,
    foreign: foreign ?? 0,
    conflicts: conflicts ?? 0,
  };
}

/** Refused results of rejections: those that are kept and were not stored since; and of these, open ones that failed or errored. */
export const REFUSAL_COUNTS = `count(*) FILTER (WHERE state <> 2) AS kept,
        count(*) FILTER (WHERE state = 1 AND status IN (2, 3)) AS failures`;

/** The refused results of the run `r`, from rejections_by_run. */
export const REFUSALS = "rejections WHERE project_key = $1 AND run_key = r.run_key AND kind = 1";
