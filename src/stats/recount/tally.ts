/** Counts of results as a recount adds them up, one by one. */
import { addDuration, encodeHistogram, type Histogram, mergeInto } from "../histogram.js";

/** Results by status, their durations, and the histogram of those that ran. */
export interface Tally {
  /** Passed, failed, errored, skipped, precluded. */
  readonly counts: number[];
  durationUs: bigint;
  readonly histogram: Histogram;
}

/** Of nothing. */
export function emptyTally(): Tally {
  return { counts: [0, 0, 0, 0, 0], durationUs: 0n, histogram: new Map() };
}

/** Adds a result. */
export function addToTally(
  tally: Tally,
  row: { readonly status: number; readonly duration_us: string | null },
): void {
  tally.counts[row.status - 1] = (tally.counts[row.status - 1] ?? 0) + 1;
  if (row.duration_us === null) return;
  tally.durationUs += BigInt(row.duration_us);
  if ([1, 2, 3].includes(row.status)) addDuration(tally.histogram, Number(row.duration_us));
}

/** Adds all of another tally. */
export function addTally(tally: Tally, other: Tally): void {
  other.counts.forEach((count, i) => {
    tally.counts[i] = (tally.counts[i] ?? 0) + count;
  });
  tally.durationUs += other.durationUs;
  mergeInto(tally.histogram, other.histogram);
}

/** As it is compared: counts, sum of durations. */
export function sumsText({ counts, durationUs }: Tally): string {
  return [...counts, durationUs].join(" ");
}

/** As it is compared. */
export function histogramText(histogram: Histogram): string {
  return Buffer.from(encodeHistogram(histogram)).toString("hex");
}
