/** Points of a series that stand out. A rule that anybody can check by hand: no model, nothing learned. */

/** Of the rule; what an older one marked may differ. */
export const ANOMALY_VERSION = 1;

/** What the series knows better than the defaults. */
export interface AnomalyOptions {
  /** How many deviations are too many; 5 by default. */
  readonly k?: number;
  /** Least deviation, in the unit of the values; 10^-9 by default, which only keeps it from 0. */
  readonly floor?: number;
}

/**
 * For each point whether |x − median| > k · max(MAD, 1 % of |median|, floor), over the points that are not null;
 * MAD is the median of |x − median|. Null is never marked, and nothing is among fewer than 8 points. Median and
 * MAD stay put as long as less than half of the points stand out, which mean and standard deviation do not.
 * In normally distributed values the standard deviation is 1.4826 · MAD, so k = 5 is 3.4 of them: one point in
 * 1,300 by chance. 1 % of the median keeps a nearly constant series from having its last digit marked.
 * Source: B. Iglewicz, D. Hoaglin, "How to detect and handle outliers" (1993), whose 3.5 / 0.6745 is k = 5.2;
 * C. Leys et al., "Detecting outliers", Journal of Experimental Social Psychology 49 (2013).
 */
export function markAnomalies(
  values: readonly (number | null)[],
  { k = 5, floor = 1e-9 }: AnomalyOptions = {},
): boolean[] {
  const points = values.filter((value) => value !== null);
  if (points.length < MIN_POINTS) return values.map(() => false);
  const middle = medianOf(points);
  const mad = medianOf(points.map((point) => Math.abs(point - middle)));
  const reach = k * Math.max(mad, Math.abs(middle) / 100, floor);
  return values.map((value) => value !== null && Math.abs(value - middle) > reach);
}

/** The middle value, or the mean of the two middle ones. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

const MIN_POINTS = 8;
