/** Adds histograms in bytes up and finds ranks of the sum: some 10 ns a bucket, a third of what a Histogram takes. */
import type { DurationRanks } from "../db/run-totals.js";
import { BUCKETS, estimateOf, rankOf } from "./histogram.js";
import { fromZigzag, readVarint } from "./varints.js";

/** The sum of histograms in bytes. What it was given must not change. */
export class DurationSum {
  /** While there is one histogram, it is not taken apart: most points of a series have no second. */
  #only: Uint8Array = NO_BYTES;
  #counts: Float64Array | null = null;

  /** Throws RangeError where the bytes end too early or name no bucket. */
  add(encoded: Uint8Array): void {
    if (this.#counts === null && this.#only.length === 0) {
      this.#only = encoded;
      return;
    }
    this.#counts ??= countsOf(this.#only, new Float64Array(BUCKETS));
    countsOf(encoded, this.#counts);
  }

  /** By nearest rank, within 2 %. */
  ranks(): DurationRanks {
    if (this.#counts !== null) return ranksIn(this.#counts, BUCKETS, (bucket) => bucket);
    return ranksIn(entries.counts, readEntries(this.#only), (i) => entries.buckets[i] ?? 0);
  }
}

const NO_BYTES = new Uint8Array();

/** The ranks of one histogram in bytes. */
export function ranksOf(encoded: Uint8Array): DurationRanks {
  const sum = new DurationSum();
  sum.add(encoded);
  return sum.ranks();
}

/** The ranks of so many counts in the order of their buckets. */
function ranksIn(
  counts: Float64Array,
  length: number,
  bucketAt: (i: number) => number,
): DurationRanks {
  let count = 0;
  // Below 0 only while what a deleted run had is being taken away.
  for (let i = 0; i < length; i++) count += Math.max(0, counts[i] ?? 0);
  if (count === 0) return { count, p50: null, p95: null, p99: null };
  let at = -1;
  let reached = 0;
  const reach = (q: number) => {
    const rank = rankOf(q, count);
    while (reached < rank) reached += Math.max(0, counts[++at] ?? 0);
    return estimateOf(bucketAt(at));
  };
  return { count, p50: reach(0.5), p95: reach(0.95), p99: reach(0.99) };
}

/** Adds a histogram in bytes to counts by bucket. */
function countsOf(encoded: Uint8Array, counts: Float64Array): Float64Array {
  const length = readEntries(encoded);
  for (let i = 0; i < length; i++) {
    const bucket = entries.buckets[i] ?? 0;
    counts[bucket] = (counts[bucket] ?? 0) + (entries.counts[i] ?? 0);
  }
  return counts;
}

/** Of the histogram that was read last: it is used at once. */
const entries = { buckets: new Int32Array(BUCKETS), counts: new Float64Array(BUCKETS) };

/** Reads the buckets of a histogram in bytes, and their counts; how many there are. */
function readEntries(encoded: Uint8Array): number {
  const { buckets, counts } = entries;
  const cursor = { bytes: encoded, at: 0 };
  let bucket = 0;
  let length = 0;
  while (cursor.at < encoded.length) {
    bucket += readVarint(cursor);
    // The second bound: each of them comes once.
    if (bucket >= BUCKETS || length === BUCKETS)
      throw new RangeError(`there is no bucket ${bucket}`);
    buckets[length] = bucket;
    counts[length++] = fromZigzag(readVarint(cursor));
  }
  return length;
}
