/** Whether a test became slower from one run to another, beyond what it varies by itself. */

/** Of the rule; figures that an older one made may differ. */
export const SLOWER_VERSION = 1;

/** What isSlower compares, in microseconds. */
export interface Durations {
  /** In the base run, where the test passed. */
  readonly baseUs: number;
  /** In the head run, where it passed too: what fails ends early or late for other reasons. */
  readonly headUs: number;
  /** The 95th percentile of the test's last 30 days, within 2 % (histogram.ts); null if there is none. */
  readonly p95Us: number | null;
  /** How many durations that percentile is of. */
  readonly samples: number;
}

/**
 * Whether head ≥ 1.5 · base, head − base ≥ 100 ms, and head > p95 where that is of at least 20 durations. The
 * first tells a change from jitter, the second leaves out what nobody waits for, and the third what the test does
 * every now and then: of 20 durations one may well be longer than their p95, of fewer it says nothing.
 * The factors are conventions of ours, not of a source.
 */
export function isSlower({ baseUs, headUs, p95Us, samples }: Durations): boolean {
  if (2 * headUs < 3 * baseUs || headUs - baseUs < MIN_DIFFERENCE_US) return false;
  return p95Us === null || samples < MIN_SAMPLES || headUs > p95Us;
}

const MIN_DIFFERENCE_US = 100_000;
const MIN_SAMPLES = 20;
