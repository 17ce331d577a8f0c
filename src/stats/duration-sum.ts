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
    if (this.#counts !== null) return ranksIn(this.#counts, (bucket) => bucket);
    const { buckets, counts } = entriesOf(this.#only);
    return ranksIn(counts, (i) => buckets[i] ?? 0);
  }
}

const NO_BYTES = new Uint8Array();

/** The ranks of one histogram in bytes. */
export function ranksOf(encoded: Uint8Array): DurationRanks {
  const sum = new DurationSum();
  sum.add(encoded);
  return sum.ranks();
}

/** The ranks of counts in the order of their buckets. */
function ranksIn(counts: ArrayLike<number>, bucketAt: (i: number) => number): DurationRanks {
  let count = 0;
  // Below 0 only while what a deleted run had is being taken away.
  for (let i = 0; i < counts.length; i++) count += Math.max(0, counts[i] ?? 0);
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

/** The few buckets of a histogram in bytes, and their counts. */
function entriesOf(encoded: Uint8Array): { buckets: number[]; counts: number[] } {
  const buckets: number[] = [];
  const counts: number[] = [];
  eachEntry(encoded, (bucket, count) => {
    buckets.push(bucket);
    counts.push(count);
  });
  return { buckets, counts };
}

/** Adds a histogram in bytes to counts by bucket. */
function countsOf(encoded: Uint8Array, counts: Float64Array): Float64Array {
  eachEntry(encoded, (bucket, count) => {
    counts[bucket] = (counts[bucket] ?? 0) + count;
  });
  return counts;
}

function eachEntry(encoded: Uint8Array, add: (bucket: number, count: number) => void): void {
  const cursor = { bytes: encoded, at: 0 };
  let bucket = 0;
  while (cursor.at < encoded.length) {
    bucket += readVarint(cursor);
    if (bucket >= BUCKETS) throw new RangeError(`there is no bucket ${bucket}`);
    add(bucket, fromZigzag(readVarint(cursor)));
  }
}
