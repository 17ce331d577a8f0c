/** How the columns of test_windows are named: each figure has one for each window. */

/** Windows of so many UTC days, of which the row's "day" is the last. */
export type TestWindowDays = 1 | 7 | 30 | 90;

const COUNTS = ["passed", "failed", "errored", "skipped", "precluded"] as const;

/** The columns of a window under the names of ResultTotals, with `flaky`; of the table or alias `w`. */
export function windowColumns(days: TestWindowDays): string {
  return [...COUNTS, "duration_us", "flaky"]
    .map((figure) => `w.${figure}_${days} AS ${figure}`)
    .join(", ");
}

/** SQL of how many results a row has in a window. */
export function windowResults(days: TestWindowDays): string {
  return COUNTS.map((count) => `w.${count}_${days}`).join(" + ");
}
