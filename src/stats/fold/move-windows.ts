/** Moves the windows of tests on to another day: what leaves them is taken away. */
import {
  EMPTY_STEP,
  type TestWindowsMove,
  type TestWindowsState,
  type WindowSums,
} from "../../db/fold-rows.js";
import { readTestWindows } from "../../db/fold-states.js";
import { readTestDaysIn, type StoredTestDay } from "../../db/fold-windows.js";
import { writeFoldStep } from "../../db/fold-write.js";
import type { Queryable } from "../../db/queryable.js";
import { inStepsOf } from "../../heavy-steps.js";
import { decodeHistogram } from "../histogram.js";
import { leavingDays, WINDOW_DAYS } from "../windows.js";
import { addToEncoded, type HistogramMove, moveOf, p95Of } from "./encoded-histogram.js";
import type { FoldAt } from "./fold-outcome.js";
import { addCounts, addMicros, noSums } from "./sums.js";

/** Some milliseconds. */
const TESTS_PER_STEP = 200;

/**
 * The windows of these tests end on `today` then, if the project still has this version; whether it had. Those that
 * end later already stay.
 */
export async function moveWindowsOn(
  db: Queryable,
  projectKey: string,
  { version, today, deadlineAt }: FoldAt,
  testKeys: readonly number[],
): Promise<boolean> {
  const states = await readTestWindows(db, projectKey, testKeys);
  const byDay = new Map<number, number[]>();
  for (const [testKey, { day }] of states) {
    if (day < today) byDay.set(day, [...(byDay.get(day) ?? []), testKey]);
  }
  const testWindows: TestWindowsMove[] = [];
  for (const [from, tests] of byDay) {
    const days = new Map<number, StoredTestDay[]>();
    for (const day of await readTestDaysIn(db, projectKey, tests, rangesOf(from, today))) {
      days.set(day.testKey, [...(days.get(day.testKey) ?? []), day]);
    }
    await inStepsOf(
      tests,
      () => 1,
      TESTS_PER_STEP,
      (testKey) => {
        const state = states.get(testKey);
        if (state !== undefined) {
          testWindows.push(moveWindows(testKey, state, days.get(testKey) ?? [], today));
        }
      },
    );
  }
  return writeFoldStep(db, projectKey, version, { ...EMPTY_STEP, testWindows }, deadlineAt);
}

/** The windows of a test on another day; `days` are those that leave one of them, at least. */
function moveWindows(
  testKey: number,
  state: TestWindowsState,
  days: readonly StoredTestDay[],
  today: number,
): TestWindowsMove {
  const leaves = WINDOW_DAYS.map((window) => {
    const [first, last] = leavingDays(state.day, today, window);
    return days.filter(({ day }) => day >= first && day <= last);
  });
  const without = (stored: Uint8Array, leaving: readonly StoredTestDay[] | undefined) =>
    (leaving ?? []).reduce((left, { durations }) => addToEncoded(left, taken(durations)), stored);
  const [week, month, quarter] = state.durations;
  const durations = [
    without(week, leaves[1]),
    without(month, leaves[2]),
    without(quarter, leaves[3]),
  ] as const;
  const sumsAt = (window: number) => takenSums(leaves[window] ?? []);
  return {
    testKey,
    sums: [sumsAt(0), sumsAt(1), sumsAt(2), sumsAt(3)],
    ...state,
    day: today,
    // Nothing counts on a day that begins.
    p95Us: [0, p95Of(durations[0]), p95Of(durations[1]), p95Of(durations[2])],
    durations,
  };
}

/** The days that leave any window, each once. */
function rangesOf(from: number, to: number): (readonly [number, number])[] {
  const ranges = WINDOW_DAYS.map((window) => leavingDays(from, to, window))
    .filter(([first, last]) => first <= last)
    .sort(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [first, last] of ranges) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

function taken(durations: Uint8Array): HistogramMove {
  const { buckets, counts } = moveOf(decodeHistogram(durations));
  return { buckets, counts: counts.map((count) => -count) };
}

function takenSums(days: readonly StoredTestDay[]): WindowSums {
  const { counts } = noSums();
  let flaky = 0;
  let durationUs: WindowSums["durationUs"] = 0;
  for (const day of days) {
    addCounts(counts, day.counts, -1);
    flaky -= day.flaky;
    durationUs = addMicros(durationUs, day.durationUs, -1);
  }
  return { counts, flaky, durationUs };
}
