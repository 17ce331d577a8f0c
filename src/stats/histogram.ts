/**
 * Durations in buckets: histograms that can be added and subtracted, with quantiles within 2 %. The idea, and the
 * proof that a quantile is off by no more than its bucket, are those of DDSketch: C. Masson, J. E. Rim, H. K. Lee,
 * "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019.
 *
 * Its bucket i is (γ^(i-1), γ^i] with γ = 1.02 / 0.98. Ours are these in whole microseconds, made by integer
 * arithmetic: every platform has the same ones, and an estimate in whole microseconds keeps the 2 % (with rounded
 * powers, 27 and 28 µs share a bucket, 3.6 % apart). Bucket 0 holds 0 µs alone, 1 holds 1 µs, up to 48; from there on
 * each reaches 2 % below and above its estimate. There are 786.
 */
import { limits } from "../limits.js";
import { fromZigzag, readVarint, toZigzag, writeVarint } from "./varints.js";

/**
 * How many durations each bucket has; a bucket with none is left out. A count is below 0 in between, where what
 * goes is subtracted before what came is added.
 */
export type Histogram = Map<number, number>;

/** The bucket of a duration in whole microseconds. Throws RangeError if it is below 0 or over the limit. */
export function bucketOf(us: number): number {
  if (!Number.isInteger(us) || us < 0 || us > MAX_US) {
    throw new RangeError(`${us} µs is no duration`);
  }
  if (us <= EXACT_US) return us;
  // A logarithm may differ between platforms by its last digits; the bounds decide. (Bisecting took twice as long.)
  let bucket = LAST - Math.floor((LOG_LAST_US - Math.log(us)) / LOG_GAMMA);
  while (us > upperOf(bucket)) bucket++;
  while (us <= upperOf(bucket - 1)) bucket--;
  return bucket;
}

/** Adds a duration so many times (some 100 ns); a negative count takes it away. */
export function addDuration(histogram: Histogram, us: number, count = 1): void {
  addTo(histogram, bucketOf(us), count);
}

/** Adds all of another histogram, or subtracts it. */
export function mergeInto(target: Histogram, other: Histogram, sign: 1 | -1 = 1): void {
  for (const [bucket, count] of other) addTo(target, bucket, sign * count);
}

/**
 * Adds all of a histogram in bytes, or subtracts it (some 50 ns a bucket). Throws RangeError where they end too
 * early or name no bucket; what came before that has been added then.
 */
export function addEncoded(target: Histogram, bytes: Uint8Array, sign: 1 | -1 = 1): void {
  const cursor = { bytes, at: 0 };
  let bucket = 0;
  while (cursor.at < bytes.length) {
    bucket += readVarint(cursor);
    if (bucket > LAST) throw new RangeError(`there is no bucket ${bucket}`);
    addTo(target, bucket, sign * fromZigzag(readVarint(cursor)));
  }
}

/**
 * The histogram in bytes, 2 to 4 a bucket: in the order of the buckets, how much further each is than the one
 * before (the first, than 0) as a varint, and its count as a zigzag varint. An empty one has none. Equal
 * histograms have equal bytes, in whatever order they were made.
 */
export function encodeHistogram(histogram: Histogram): Uint8Array {
  // From the pool: a Uint8Array of its own takes 1 µs.
  const bytes = Buffer.allocUnsafe(histogram.size * MAX_BUCKET_BYTES);
  let at = 0;
  let before = 0;
  for (const bucket of sortedBuckets(histogram)) {
    at = writeVarint(bytes, at, bucket - before);
    at = writeVarint(bytes, at, toZigzag(histogram.get(bucket) ?? 0));
    before = bucket;
  }
  return bytes.subarray(0, at);
}

/** The histogram that was encoded so. Throws RangeError where the bytes end too early or name no bucket. */
export function decodeHistogram(bytes: Uint8Array): Histogram {
  const histogram: Histogram = new Map();
  addEncoded(histogram, bytes);
  return histogram;
}

/**
 * The quantile by nearest rank, in whole microseconds: of n durations the one at rank ⌈q · n⌉ (the shortest is 1),
 * within 2 %; exact up to 48 µs. `q` is over 0 and up to 1. Null if there is none. A count below 0 counts as 0.
 */
export function quantile(histogram: Histogram, q: number): number | null {
  return quantiles(histogram, [q])[0] ?? null;
}

/** Several of them, in the order of `qs`. */
export function quantiles(histogram: Histogram, qs: readonly number[]): (number | null)[] {
  const buckets = sortedBuckets(histogram);
  /** How many durations there are up to and with each bucket. */
  const reached = new Float64Array(buckets.length);
  let total = 0;
  for (let i = 0; i < buckets.length; i++) {
    total += Math.max(0, histogram.get(buckets[i] ?? 0) ?? 0);
    reached[i] = total;
  }
  if (total === 0) return qs.map(() => null);
  return qs.map((q) => {
    const rank = rankOf(q, total);
    let i = 0;
    while ((reached[i] ?? rank) < rank) i++;
    return estimateOf(buckets[i] ?? LAST);
  });
}

function addTo(histogram: Histogram, bucket: number, count: number): void {
  const sum = (histogram.get(bucket) ?? 0) + count;
  if (sum === 0) histogram.delete(bucket);
  else histogram.set(bucket, sum);
}

function sortedBuckets(histogram: Histogram): Uint16Array {
  const buckets = new Uint16Array(histogram.size);
  let at = 0;
  // Uint16Array.from takes 5 to 8 times as long.
  for (const bucket of histogram.keys()) buckets[at++] = bucket;
  return buckets.sort();
}

/** The rank of a quantile among so many. 0.07 · 100 is 7.000000000000001 in doubles, but not rank 8. */
export function rankOf(q: number, total: number): number {
  return Math.max(1, Math.ceil(q * total * (1 - 2 ** -51)));
}

/** The longest duration of a bucket. */
function upperOf(bucket: number): number {
  return UPPER_US[bucket] ?? Number.POSITIVE_INFINITY;
}

/** Within 2 % of every duration of a bucket. */
export function estimateOf(bucket: number): number {
  return bucket <= EXACT_US ? bucket : estimateFrom(upperOf(bucket - 1) + 1);
}

/** The largest whole number within 2 % of the shortest duration of a bucket. */
function estimateFrom(shortestUs: number): number {
  return shortestUs + Math.floor(shortestUs / 50);
}

/** The longest duration of each bucket: the largest whole number of which the estimate is within 2 %. */
function makeBounds(): Float64Array {
  const bounds = [0];
  for (let upper = 0; upper < MAX_US; ) {
    const estimate = estimateFrom(upper + 1);
    upper = estimate + Math.floor(estimate / 49);
    bounds.push(upper);
  }
  return Float64Array.from(bounds);
}

const MAX_US = limits.durationSeconds * 1_000_000;
const UPPER_US = makeBounds();
const LAST = UPPER_US.length - 1;
/** How many there are. */
export const BUCKETS = LAST + 1;
/** A distance below 2^14 and a count below 2^53. */
const MAX_BUCKET_BYTES = 2 + 8;
const LOG_LAST_US = Math.log(upperOf(LAST));
const LOG_GAMMA = Math.log(1.02 / 0.98);
/** Up to here a bucket holds one duration, which has its number. */
const EXACT_US = 48;
