/** Sums that grow with each result: counts by status, and durations, exact beyond what a double holds. */
import type { Micros, StatusCounts } from "../../db/fold-rows.js";

const MICROS = 1_000_000;

export interface Sums {
  readonly counts: [number, number, number, number, number];
  /** Whole seconds and microseconds are summed up apart: each stays exact over millions of durations. */
  seconds: number;
  micros: number;
}

/** Nothing yet. */
export function noSums(): Sums {
  return { counts: [0, 0, 0, 0, 0], seconds: 0, micros: 0 };
}

/** Adds a result, or takes it away; of the duration in microseconds, -1 is none. */
export function addResult(sums: Sums, status: number, durationUs: number, weight: 1 | -1): void {
  sums.counts[status - 1] = (sums.counts[status - 1] ?? 0) + weight;
  if (durationUs < 0) return;
  const seconds = Math.floor(durationUs / MICROS);
  sums.seconds += weight * seconds;
  sums.micros += weight * (durationUs - seconds * MICROS);
}

/** Adds all of others. */
export function addSums(sums: Sums, others: Sums): void {
  addCounts(sums.counts, others.counts, 1);
  sums.seconds += others.seconds;
  sums.micros += others.micros;
}

/** Adds counts, or takes them away. */
export function addCounts(counts: Sums["counts"], others: StatusCounts, weight: 1 | -1): void {
  for (let i = 0; i < counts.length; i++) {
    counts[i] = (counts[i] ?? 0) + weight * (others[i] ?? 0);
  }
}

/** The sum of the durations. */
export function durationOf({ seconds, micros }: Sums): Micros {
  const sum = seconds * MICROS + micros;
  if (Number.isSafeInteger(sum)) return sum;
  return String(BigInt(seconds) * BigInt(MICROS) + BigInt(micros));
}

/** A sum of microseconds with another one, or without it. */
export function addMicros(sum: Micros, other: Micros, weight: 1 | -1): Micros {
  const exact = Number(sum) + weight * Number(other);
  if (Number.isSafeInteger(exact) && Number.isSafeInteger(Number(other))) return exact;
  return String(BigInt(sum) + BigInt(weight) * BigInt(other));
}
