/** What a recount finds. */

/** A figure that is stored as something else than a recount of the rows says. */
export interface Difference {
  /** Table and column. */
  readonly figure: string;
  /** Of the row. */
  readonly key: string;
  readonly stored: string;
  readonly recounted: string;
}

/** Takes each figure that is compared, and tells of those that differ. */
export interface Comparison {
  readonly compared: number;
  compare(figure: string, key: string, stored: string, recounted: string): void;
}

/** A comparison that calls `onDifference` for each difference. */
export function createComparison(onDifference: (difference: Difference) => void): Comparison {
  let compared = 0;
  return {
    get compared() {
      return compared;
    },
    compare(figure, key, stored, recounted) {
      compared++;
      if (stored !== recounted) onDifference({ figure, key, stored, recounted });
    },
  };
}
