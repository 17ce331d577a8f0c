/** The newest runs of a test that say whether it passes: what a verdict looks at, kept beside its figures. */
import { type Cursor, readVarint, writeVarint } from "./varints.js";

/** A run in which a test passed or failed; both, if it did both. */
export interface RecentRun {
  /** When the run counts, in microseconds since the epoch; not negative, and the same wherever the run is named. */
  readonly countedUs: number;
  /** An int8 in decimal. */
  readonly runKey: string;
  readonly passed: boolean;
  readonly failed: boolean;
}

/** Runs beyond the newest ten are forgotten. */
export const RECENT_RUNS = 10;

/**
 * The newest runs of both, newest first by (countedUs, runKey); a run of both passed or failed if it did in either.
 * Both may be in any order. In whatever order and how often runs are merged, the same ones come out.
 */
export function mergeRecentRuns(a: readonly RecentRun[], b: readonly RecentRun[]): RecentRun[] {
  const merged: RecentRun[] = [];
  for (const run of a) insert(merged, run);
  for (const run of b) insert(merged, run);
  return merged;
}

/**
 * The runs in bytes, newest first, as mergeRecentRuns has them; throws RangeError in another order. Each is a varint
 * of how much earlier it counts than the one before (the first: of when it counts), and a varint of
 * 8 · runKey + 2 · failed + passed. A key that is negative or has more than 15 digits comes after
 * 4 + 2 · failed + passed instead, in 8 bytes, the highest first.
 */
export function encodeRecentRuns(runs: readonly RecentRun[]): Uint8Array {
  // From the pool: a Uint8Array of its own takes 1 µs.
  const bytes = Buffer.allocUnsafe(runs.length * MAX_RUN_BYTES);
  let at = 0;
  let before = 0;
  for (const { countedUs, runKey, passed, failed } of runs) {
    at = writeVarint(bytes, at, at === 0 ? countedUs : before - countedUs);
    before = countedUs;
    const flags = (passed ? PASSED : 0) + (failed ? FAILED : 0);
    if (isShort(runKey)) at = writeVarint(bytes, at, Number(runKey) * FLAGS + flags);
    else {
      at = writeVarint(bytes, at, LONG_KEY + flags);
      viewOf(bytes).setBigInt64(at, BigInt(runKey));
      at += LONG_KEY_BYTES;
    }
  }
  return bytes.subarray(0, at);
}

/** The runs that were encoded so. Throws RangeError where the bytes end too early. */
export function decodeRecentRuns(bytes: Uint8Array): RecentRun[] {
  const cursor = { bytes, at: 0 };
  const runs: RecentRun[] = [];
  let countedUs = 0;
  while (cursor.at < bytes.length) {
    const distance = readVarint(cursor);
    countedUs = runs.length === 0 ? distance : countedUs - distance;
    const keyAndFlags = readVarint(cursor);
    const flags = keyAndFlags % FLAGS;
    const runKey =
      (flags & LONG_KEY) === 0 ? String((keyAndFlags - flags) / FLAGS) : readLongKey(cursor);
    runs.push({
      countedUs,
      runKey,
      passed: (flags & PASSED) !== 0,
      failed: (flags & FAILED) !== 0,
    });
  }
  return runs;
}

/** Puts a run where it belongs, and drops the eleventh: looks from the end, unless it goes to the head. */
function insert(runs: RecentRun[], run: RecentRun): void {
  const [newest] = runs;
  if (newest !== undefined && compare(run, newest) > 0) {
    runs.unshift(run);
    if (runs.length > RECENT_RUNS) runs.pop();
    return;
  }
  let at = runs.length;
  for (let older = runs[at - 1]; older !== undefined; older = runs[--at - 1]) {
    const order = compare(run, older);
    if (order < 0) break;
    if (order === 0) {
      const passed = run.passed || older.passed;
      const failed = run.failed || older.failed;
      runs[at - 1] = { ...older, passed, failed };
      return;
    }
  }
  if (at === runs.length) runs.push(run);
  else runs.splice(at, 0, run);
  if (runs.length > RECENT_RUNS) runs.pop();
}

/** Positive if the first is the newer one. */
function compare(a: RecentRun, b: RecentRun): number {
  if (a.countedUs !== b.countedUs) return a.countedUs - b.countedUs;
  if (a.runKey === b.runKey) return 0;
  return BigInt(a.runKey) > BigInt(b.runKey) ? 1 : -1;
}

function isShort(runKey: string): boolean {
  return runKey.length <= SHORT_KEY_DIGITS && !runKey.startsWith("-");
}

function readLongKey(cursor: Cursor): string {
  const key = viewOf(cursor.bytes).getBigInt64(cursor.at);
  cursor.at += LONG_KEY_BYTES;
  return key.toString();
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

const PASSED = 1;
const FAILED = 2;
const LONG_KEY = 4;
/** Three bits. */
const FLAGS = 8;
/** 8 · 10^15 is below 2^53. */
const SHORT_KEY_DIGITS = 15;
const LONG_KEY_BYTES = 8;
/** Two varints, or one, a byte and a key. */
const MAX_RUN_BYTES = 8 + 1 + LONG_KEY_BYTES;
