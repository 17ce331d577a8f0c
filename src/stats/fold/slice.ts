/** What is folded at once: results of one part of one run, with the facts by which they count. */
import type { CountedFacts, StatusCounts } from "../../db/fold-rows.js";

/** A run, by which its results count. */
export interface SliceRun extends CountedFacts {
  readonly runKey: string;
}

export interface FoldSlice {
  readonly run: SliceRun;
  /** -1 takes the results away, and the run from all lists of runs, unless another slice adds it. */
  readonly weight: 1 | -1;
  /** What the part's totals gain; null: nothing. */
  readonly ledger: SliceLedger | null;
  /** Parallel lists of the results. */
  readonly testKeys: readonly number[];
  readonly statuses: readonly number[];
  /** Microseconds; -1 where there is no duration. */
  readonly durations: readonly number[];
}

/** A row of the ledger. */
export interface SliceLedger {
  /** In hexadecimal. */
  readonly partId: string;
  readonly counts: StatusCounts;
  readonly duplicates: number;
  readonly foreign: number;
  readonly conflicts: number;
  readonly rejected: number;
  readonly late: number;
}
