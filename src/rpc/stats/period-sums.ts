/** Adds up the rows of periods. */
import type { PeriodRow } from "../../db/project-periods.js";
import type { ResultTotals } from "../../db/result-totals.js";
import type { RunTotals } from "../../db/run-totals.js";
import { inSteps } from "../../heavy-steps.js";
import { DurationSum } from "../../stats/duration-sum.js";

/** The sums of several rows. */
export interface PeriodSum {
  results: ResultTotals;
  readonly durations: DurationSum;
  /** Runs are grouped already: those of the one row that has any. */
  runs: RunTotals;
}

/** For each group, the sum of the rows that `groupOf` puts there; rows outside of all groups are an error. */
export async function sumPeriods(
  rows: readonly PeriodRow[],
  groupCount: number,
  groupOf: (row: PeriodRow) => number,
): Promise<PeriodSum[]> {
  const sums = Array.from({ length: groupCount }, emptySum);
  await inSteps(rows, (row) => {
    const sum = sums[groupOf(row)];
    if (sum === undefined) throw new Error(`a period at ${row.startUs} lies outside the window`);
    sum.results = addTotals(sum.results, row.results);
    if (row.durations !== null) sum.durations.add(row.durations);
    if (row.runs.count > 0) sum.runs = row.runs;
  });
  return sums;
}

/** The sum of no rows. */
export function emptySum(): PeriodSum {
  return { results: NO_RESULTS, durations: new DurationSum(), runs: NO_RUNS };
}

/** Whether no row was added. */
export function isEmpty({ results, runs }: Pick<PeriodSum, "results" | "runs">): boolean {
  return results === NO_RESULTS && runs === NO_RUNS;
}

function addTotals(a: ResultTotals, b: ResultTotals): ResultTotals {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    errored: a.errored + b.errored,
    skipped: a.skipped + b.skipped,
    precluded: a.precluded + b.precluded,
    durationUs: a.durationUs + b.durationUs,
  };
}

const NO_RESULTS: ResultTotals = {
  passed: 0,
  failed: 0,
  errored: 0,
  skipped: 0,
  precluded: 0,
  durationUs: 0,
};
const NO_RUNS: RunTotals = {
  count: 0,
  running: 0,
  finished: 0,
  incomplete: 0,
  abandoned: 0,
  passed: 0,
  failed: 0,
  errored: 0,
  skipped: 0,
  durations: { count: 0, p50: null, p95: null, p99: null },
};
