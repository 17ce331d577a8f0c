/** Histograms that stay in bytes: some durations are added to many of them, a few hundred nanoseconds each. */
import { estimateOf, type Histogram } from "../histogram.js";
import { fromZigzag, readVarint, toZigzag, writeVarint } from "../varints.js";

/** What is added to histograms: buckets in ascending order, and how many durations each gains. */
export interface HistogramMove {
  readonly buckets: readonly number[];
  readonly counts: readonly number[];
}

/** The move that adds these buckets once each and takes those away. */
export function histogramMove(came: readonly number[], left: readonly number[]): HistogramMove {
  if (left.length === 0) {
    const buckets: number[] = [];
    const counts: number[] = [];
    for (const bucket of came.length < 2 ? came : [...came].sort((a, b) => a - b)) {
      const last = buckets.length - 1;
      if (buckets[last] === bucket) counts[last] = (counts[last] ?? 0) + 1;
      else {
        buckets.push(bucket);
        counts.push(1);
      }
    }
    return { buckets, counts };
  }
  const moved = new Map<number, number>();
  for (const bucket of came) moved.set(bucket, (moved.get(bucket) ?? 0) + 1);
  for (const bucket of left) moved.set(bucket, (moved.get(bucket) ?? 0) - 1);
  return moveOf(moved);
}

/** The move that adds a histogram; buckets that neither gain nor lose are left out. */
export function moveOf(histogram: Histogram): HistogramMove {
  const moved = [...histogram].filter(([, count]) => count !== 0).sort(([a], [b]) => a - b);
  return { buckets: moved.map(([bucket]) => bucket), counts: moved.map(([, count]) => count) };
}

/** The bytes, as encodeHistogram makes them, of the histogram with the move; the same object where nothing moves. */
export function addToEncoded(encoded: Uint8Array, { buckets, counts }: HistogramMove): Uint8Array {
  if (buckets.length === 0) return encoded;
  const made = Buffer.allocUnsafe(encoded.length + buckets.length * MAX_ENTRY_BYTES);
  const cursor = { bytes: encoded, at: 0 };
  let at = 0;
  let written = 0;
  let bucket = 0;
  let i = 0;
  while (cursor.at < encoded.length) {
    bucket += readVarint(cursor);
    let count = fromZigzag(readVarint(cursor));
    for (let next = buckets[i]; next !== undefined && next < bucket; next = buckets[++i]) {
      at = writeEntry(made, at, next - written, counts[i] ?? 0);
      written = next;
    }
    if (buckets[i] === bucket) count += counts[i++] ?? 0;
    if (count === 0) continue;
    at = writeEntry(made, at, bucket - written, count);
    written = bucket;
  }
  for (let next = buckets[i]; next !== undefined; next = buckets[++i]) {
    at = writeEntry(made, at, next - written, counts[i] ?? 0);
    written = next;
  }
  return made.subarray(0, at);
}

function writeEntry(bytes: Uint8Array, at: number, gap: number, count: number): number {
  return writeVarint(bytes, writeVarint(bytes, at, gap), toZigzag(count));
}

/** The 95th percentile in microseconds, as quantile finds it; 0 where there is no duration. */
export function p95Of(encoded: Uint8Array): number {
  const cursor = { bytes: encoded, at: 0 };
  let total = 0;
  while (cursor.at < encoded.length) {
    readVarint(cursor);
    total += Math.max(0, fromZigzag(readVarint(cursor)));
  }
  if (total === 0) return 0;
  const rank = Math.ceil((total * 95) / 100);
  cursor.at = 0;
  let bucket = 0;
  for (let reached = 0; reached < rank; ) {
    bucket += readVarint(cursor);
    reached += Math.max(0, fromZigzag(readVarint(cursor)));
  }
  return estimateOf(bucket);
}

/** A bucket needs two bytes, and what follows an added one no more than before; a count of 53 bits needs eight. */
const MAX_ENTRY_BYTES = 2 + 8;
