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
    const counts = this.#counts ?? countsOf(this.#only, scratch.fill(0));
    let count = 0;
    // Below 0 only while what a deleted run had is being taken away.
    for (let bucket = 0; bucket < BUCKETS; bucket++) count += Math.max(0, counts[bucket] ?? 0);
    if (count === 0) return { count, p50: null, p95: null, p99: null };
    let bucket = -1;
    let reached = 0;
    const reach = (q: number) => {
      const rank = rankOf(q, count);
      while (reached < rank) reached += Math.max(0, counts[++bucket] ?? 0);
      return estimateOf(bucket);
    };
    return { count, p50: reach(0.5), p95: reach(0.95), p99: reach(0.99) };
  }
}

const NO_BYTES = new Uint8Array();
/** For what is read and forgotten at once. */
const scratch = new Float64Array(BUCKETS);

/** The ranks of one histogram in bytes. */
export function ranksOf(encoded: Uint8Array): DurationRanks {
  const sum = new DurationSum();
  sum.add(encoded);
  return sum.ranks();
}

/** Adds a histogram in bytes to counts by bucket. */
function countsOf(encoded: Uint8Array, counts: Float64Array): Float64Array {
  const cursor = { bytes: encoded, at: 0 };
  let bucket = 0;
  while (cursor.at < encoded.length) {
    bucket += readVarint(cursor);
    if (bucket >= BUCKETS) throw new RangeError(`there is no bucket ${bucket}`);
    counts[bucket] = (counts[bucket] ?? 0) + fromZigzag(readVarint(cursor));
  }
  return counts;
}
