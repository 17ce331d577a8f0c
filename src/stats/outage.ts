/** Telling an outage from broken tests. */

/** Of the rule; what an older one marked may differ. */
export const OUTAGE_VERSION = 1;

/** A run and the results of it that failed or errored with one fingerprint. */
export interface MassFailure {
  readonly failures: number;
  /** All results of the run, whatever their status. */
  readonly resultCount: number;
}

/**
 * Whether at least 20 results, and at least 5 % of the run's, failed with one fingerprint: what many tests say in
 * the same words has one cause, and that is more often what they all need than what they test. Both figures are
 * conventions of ours: the first keeps small runs out, the second large ones with a broken module.
 */
export function isProbableOutage({ failures, resultCount }: MassFailure): boolean {
  const { minFailures, maxResultsPerFailure } = OUTAGE_RULE;
  return failures >= minFailures && failures * maxResultsPerFailure >= resultCount;
}

/** The figures of the rule; 5 % is one failure of 20 results. */
export const OUTAGE_RULE = { minFailures: 20, maxResultsPerFailure: 20 } as const;
