/** The rules that several messages share. Each adds what is wrong, with the field's path and the limit. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { exceeds, quote } from "../text.js";
import { PROTOTYPE_KEY, PROTOTYPE_KEY_FAULT } from "../wire/prototype-keys.js";

/** An identity text: bounded, and free of NUL, which Postgres cannot keep as text. */
export function checkName(
  violations: Violation[],
  field: string,
  value: string,
  maxBytes: number,
  required = false,
): void {
  if (required && value === "") violations.push({ field, description: "is required" });
  if (exceeds(value, maxBytes)) {
    violations.push({
      field,
      description: `has ${Buffer.byteLength(value)} bytes, at most ${maxBytes}`,
    });
  }
  if (value.includes("\0") || !value.isWellFormed()) {
    violations.push({
      field,
      description: `contains a NUL character or half of a surrogate pair: ${quote(value)}`,
    });
  }
}

/** A map of short names to short values. */
export function checkMap(
  violations: Violation[],
  field: string,
  map: Readonly<Record<string, string>>,
): void {
  const entries = Object.entries(map);
  if (entries.length === 0) return;
  if (entries.length > limits.mapEntries) {
    violations.push({
      field,
      description: `has ${entries.length} entries, at most ${limits.mapEntries}`,
    });
    return;
  }
  if (Object.hasOwn(map, PROTOTYPE_KEY)) {
    violations.push({ field, description: PROTOTYPE_KEY_FAULT });
  }
  for (const [key, value] of entries) {
    const path = `${field}[${quote(key)}]`;
    checkName(violations, path, key, limits.mapKeyBytes, true);
    checkName(violations, path, value, limits.mapValueBytes);
  }
}

/** A time from 1970 to 2199: what counts of microseconds keep exactly in a double. */
export function checkTime(
  violations: Violation[],
  field: string,
  time: Timestamp | undefined,
): void {
  if (time === undefined) return;
  if (time.seconds < 0n || time.seconds >= YEAR_2200_SECONDS) {
    violations.push({ field, description: "lies outside the years 1970 to 2199" });
  } else if (time.nanos < 0 || time.nanos > 999_999_999) {
    violations.push({ field, description: `has ${time.nanos} nanos, 0 to 999999999 are valid` });
  }
}

/** A duration from 0 to 10 years. */
export function checkDuration(
  violations: Violation[],
  field: string,
  duration: Duration | undefined,
): void {
  if (duration === undefined) return;
  const { seconds, nanos } = duration;
  if (seconds < 0n || (seconds === 0n && nanos < 0)) {
    violations.push({ field, description: `is negative: ${durationText(duration)}` });
  } else if (seconds > BigInt(limits.durationSeconds)) {
    violations.push({ field, description: `is ${durationText(duration)}, at most 10 years` });
  } else if (nanos < 0 || nanos > 999_999_999) {
    violations.push({ field, description: `has ${nanos} nanos, 0 to 999999999 are valid` });
  }
}

/** A count that a client announces. */
export function checkCount(
  violations: Violation[],
  field: string,
  count: bigint | undefined,
): void {
  if (count !== undefined && count < 0n) {
    violations.push({ field, description: `is negative: ${count}` });
  } else if (count !== undefined && count > MAX_COUNT) {
    violations.push({ field, description: `is ${count}, at most ${MAX_COUNT}` });
  }
}

/** Microseconds since the epoch, or of a duration: exact for every value that passes the checks. */
export function toMicros(value: Timestamp | Duration): number {
  return Number(value.seconds) * 1_000_000 + Math.floor(value.nanos / 1000);
}

function durationText({ seconds, nanos }: Duration): string {
  return `${Number(seconds) + nanos / 1e9}s`;
}

/** 2200-01-01T00:00:00Z. */
const YEAR_2200_SECONDS = 7_258_118_400n;
/** Sums of counts stay exact in a double. */
const MAX_COUNT = 1_000_000_000_000n;
