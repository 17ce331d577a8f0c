/**
 * Adds up what slices move in the figures: of tests by day, of parts, of hours and days. Gathering the slices of two
 * chunks is gathering the one and then the other, in any order.
 */
import type { PeriodKey } from "../../db/fold-rows.js";
import { bucketOf } from "../histogram.js";
import { dayOf } from "../windows.js";
import type { FoldSlice, SliceRun } from "./slice.js";
import { addCounts, addResult, noSums, type Sums } from "./sums.js";

/** What moves on one day of a test. */
export interface DayMoves {
  readonly day: number;
  readonly sums: Sums;
  flaky: number;
  /** Buckets of durations, one for each that comes or leaves. */
  readonly came: number[];
  readonly left: number[];
}

/** A run that comes to a test, or leaves it. */
export interface RunMoves {
  readonly run: SliceRun;
  readonly day: number;
  readonly weight: 1 | -1;
  /** Bit 1 << status for each status of its results. */
  statuses: number;
}

export interface TestMoves {
  readonly testKey: number;
  readonly days: DayMoves[];
  readonly runs: RunMoves[];
}

/** Sums with a histogram: of each bucket, how many durations come or leave. */
export interface TotalMoves {
  readonly sums: Sums;
  readonly durations: Map<number, number>;
}

export interface PartMoves extends TotalMoves {
  readonly runKey: string;
  readonly partId: string;
  duplicates: number;
  foreign: number;
  conflicts: number;
  rejected: number;
  late: number;
}

export interface PeriodMoves extends PeriodKey, TotalMoves {}

export interface Gathered {
  readonly tests: Map<number, TestMoves>;
  readonly parts: Map<string, PartMoves>;
  readonly periods: Map<string, PeriodMoves>;
}

/** Nothing yet. */
export function nothingGathered(): Gathered {
  return { tests: new Map(), parts: new Map(), periods: new Map() };
}

/** Adds what the slice moves. */
export function gatherSlice(gathered: Gathered, slice: FoldSlice): void {
  const { run, weight, ledger, testKeys, statuses, durations } = slice;
  const day = dayOf(run.countedUs);
  const sums = noSums();
  const buckets = new Map<number, number>();
  for (let i = 0; i < testKeys.length; i++) {
    const status = statuses[i] ?? 0;
    const durationUs = durations[i] ?? -1;
    const test = testMoves(gathered, testKeys[i] ?? 0);
    const moves = dayMoves(test, day);
    addResult(sums, status, durationUs, weight);
    addResult(moves.sums, status, durationUs, weight);
    runMoves(test, run, day, weight).statuses |= 1 << status;
    if (durationUs >= 0 && isTimed(status)) {
      const bucket = bucketOf(durationUs);
      (weight === 1 ? moves.came : moves.left).push(bucket);
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + weight);
    }
  }
  if (ledger !== null) {
    const part = partMoves(gathered, run.runKey, ledger.partId);
    addCounts(part.sums.counts, ledger.counts, weight);
    part.sums.seconds += sums.seconds;
    part.sums.micros += sums.micros;
    part.duplicates += ledger.duplicates;
    part.foreign += ledger.foreign;
    part.conflicts += ledger.conflicts;
    part.rejected += ledger.rejected;
    part.late += ledger.late;
    addBuckets(part, buckets);
  }
  if (testKeys.length === 0) return;
  for (const period of periodsOf(gathered, run)) {
    addCounts(period.sums.counts, sums.counts, 1);
    period.sums.seconds += sums.seconds;
    period.sums.micros += sums.micros;
    addBuckets(period, buckets);
  }
}

/** Adds flaky failures of a test on a day, or takes them away. */
export function gatherFlaky(gathered: Gathered, testKey: number, day: number, count: number): void {
  dayMoves(testMoves(gathered, testKey), day).flaky += count;
}

/** Results of tests that ran: what skipped and precluded ones took says nothing of the test. */
function isTimed(status: number): boolean {
  return status <= 3;
}

function testMoves({ tests }: Gathered, testKey: number): TestMoves {
  let moves = tests.get(testKey);
  if (moves === undefined) {
    moves = { testKey, days: [], runs: [] };
    tests.set(testKey, moves);
  }
  return moves;
}

/** A chunk has few days and runs of a test: they are looked for from the last one on. */
function dayMoves({ days }: TestMoves, day: number): DayMoves {
  for (let i = days.length - 1; i >= 0; i--) {
    const moves = days[i];
    if (moves?.day === day) return moves;
  }
  const moves = { day, sums: noSums(), flaky: 0, came: [], left: [] };
  days.push(moves);
  return moves;
}

function runMoves({ runs }: TestMoves, run: SliceRun, day: number, weight: 1 | -1): RunMoves {
  for (let i = runs.length - 1; i >= 0; i--) {
    const moves = runs[i];
    if (moves?.run.runKey === run.runKey && moves.weight === weight) return moves;
  }
  const moves = { run, day, weight, statuses: 0 };
  runs.push(moves);
  return moves;
}

function partMoves({ parts }: Gathered, runKey: string, partId: string): PartMoves {
  const key = `${runKey} ${partId}`;
  let moves = parts.get(key);
  if (moves === undefined) {
    const counts = { duplicates: 0, foreign: 0, conflicts: 0, rejected: 0, late: 0 };
    moves = { runKey, partId, sums: noSums(), durations: new Map(), ...counts };
    parts.set(key, moves);
  }
  return moves;
}

/** The hour and the day of the run: of its branch, and of all. */
function periodsOf({ periods }: Gathered, { countedUs, branch }: SliceRun): PeriodMoves[] {
  return UNITS.flatMap(({ unit, lengthUs }) => {
    const startUs = Math.floor(countedUs / lengthUs) * lengthUs;
    return [null, branch].map((of) => {
      const key = `${unit} ${startUs} ${of === null ? "" : `:${of}`}`;
      let moves = periods.get(key);
      if (moves === undefined) {
        moves = { unit, branch: of, startUs, sums: noSums(), durations: new Map() };
        periods.set(key, moves);
      }
      return moves;
    });
  });
}

function addBuckets({ durations }: TotalMoves, buckets: ReadonlyMap<number, number>): void {
  for (const [bucket, count] of buckets) {
    durations.set(bucket, (durations.get(bucket) ?? 0) + count);
  }
}

const HOUR_US = 3_600_000_000;
/** As project_periods numbers them. */
const UNITS = [
  { unit: 1, lengthUs: HOUR_US },
  { unit: 2, lengthUs: 24 * HOUR_US },
];
