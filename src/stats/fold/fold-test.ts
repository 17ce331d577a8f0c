/** The figures of one test with what moves in them. It runs for each test of a chunk: it spares itself what it can. */
import type {
  TestDayMove,
  TestDayState,
  TestWindowsMove,
  TestWindowsState,
  WindowSums,
} from "../../db/fold-rows.js";
import { WINDOW_DAYS, windowStart } from "../windows.js";
import { addToEncoded, type HistogramMove, histogramMove, p95Of } from "./encoded-histogram.js";
import { foldHistory } from "./fold-history.js";
import type { DayMoves, RunMoves, TestMoves } from "./gather.js";
import { type RunList, type TestRun, withoutRun, withRuns } from "./run-order.js";
import type { SliceRun } from "./slice.js";
import { addSums, durationOf, noSums } from "./sums.js";

/** Runs of a test that a day names. */
const RUNS_PER_DAY = 64;

export interface TestContext {
  /** The last day of the windows, and of the stored ones. */
  readonly today: number;
  readonly windows: TestWindowsState | undefined;
  /** The stored days of those that move, in their order. */
  readonly days: readonly (TestDayState | undefined)[];
  /** When a folded run counts. */
  readonly countedUsOf: (runKey: string) => number;
  /** Where runs leave: the newest of the others, and the newest decisive ones. */
  readonly others: readonly TestRun[];
}

/** What is written of the test. */
export interface FoldedTest {
  readonly windows: TestWindowsMove;
  readonly days: readonly TestDayMove[];
}

/** The test with its moves. */
export function foldTest(moves: TestMoves, context: TestContext): FoldedTest {
  const histograms = moves.days.map(({ came, left }) => histogramMove(came, left));
  const days = moves.days.map((each, i) =>
    foldDay(moves, each, histograms[i] ?? NO_MOVE, context.days[i] ?? NO_DAY, context),
  );
  return { days, windows: foldWindows(moves, histograms, days, context) };
}

const NO_BYTES = new Uint8Array();
const NO_MOVE: HistogramMove = { buckets: [], counts: [] };
const NO_DAY: TestDayState = { durations: NO_BYTES, runKeys: "", moreRuns: false };
const NO_WINDOWS = { p95Us: [0, 0, 0, 0], durations: [NO_BYTES, NO_BYTES, NO_BYTES] } as const;

function foldDay(
  { testKey, runs }: TestMoves,
  { day, sums, flaky }: DayMoves,
  histogram: HistogramMove,
  state: TestDayState,
  { countedUsOf }: TestContext,
): TestDayMove {
  const list = foldRuns({ runKeys: state.runKeys, more: state.moreRuns }, runs, day, countedUsOf);
  return {
    testKey,
    day,
    counts: sums.counts,
    flaky,
    durationUs: durationOf(sums),
    durations: addToEncoded(state.durations, histogram),
    runKeys: list.runKeys,
    moreRuns: list.more,
  };
}

/** A run that moves within the day leaves before it comes. */
function foldRuns(
  stored: RunList,
  runs: readonly RunMoves[],
  day: number,
  countedUsOf: TestContext["countedUsOf"],
): RunList {
  let list = stored;
  for (const { run, weight, day: of } of runs) {
    if (of === day && weight === -1) list = withoutRun(list, run.runKey);
  }
  const coming: SliceRun[] = [];
  for (const { run, weight, day: of } of runs) if (of === day && weight === 1) coming.push(run);
  return coming.length === 0 ? list : withRuns(list, coming, countedUsOf, RUNS_PER_DAY);
}

function foldWindows(
  moves: TestMoves,
  histograms: readonly HistogramMove[],
  days: readonly TestDayMove[],
  context: TestContext,
): TestWindowsMove {
  const { today, windows } = context;
  const stored = windows ?? NO_WINDOWS;
  const durations = [
    addToWindow(stored.durations[0], 1, moves, histograms, today),
    addToWindow(stored.durations[1], 2, moves, histograms, today),
    addToWindow(stored.durations[2], 3, moves, histograms, today),
  ] as const;
  const ofToday = days.find(({ day }) => day === today);
  return {
    testKey: moves.testKey,
    day: today,
    ...foldHistory(moves.runs, windows, context.others),
    sums: sumWindows(moves.days, days, today),
    p95Us: [
      ofToday === undefined ? stored.p95Us[0] : p95Of(ofToday.durations),
      durations[0] === stored.durations[0] ? stored.p95Us[1] : p95Of(durations[0]),
      durations[1] === stored.durations[1] ? stored.p95Us[2] : p95Of(durations[1]),
      durations[2] === stored.durations[2] ? stored.p95Us[3] : p95Of(durations[2]),
    ],
    durations,
  };
}

function addToWindow(
  stored: Uint8Array,
  window: 1 | 2 | 3,
  { days }: TestMoves,
  histograms: readonly HistogramMove[],
  today: number,
): Uint8Array {
  const first = windowStart(today, WINDOW_DAYS[window]);
  let durations = stored;
  for (let i = 0; i < days.length; i++) {
    if ((days[i]?.day ?? 0) >= first) durations = addToEncoded(durations, histograms[i] ?? NO_MOVE);
  }
  return durations;
}

/** What all windows gain is one object: it is written once. */
function sumWindows(
  moves: readonly DayMoves[],
  days: readonly TestDayMove[],
  today: number,
): TestWindowsMove["sums"] {
  const [only] = days;
  if (days.length === 1 && only?.day === today) return [only, only, only, only];
  const sumsOf = (window: number): WindowSums => {
    const sums = noSums();
    let flaky = 0;
    for (const each of moves) {
      if (each.day < windowStart(today, window)) continue;
      addSums(sums, each.sums);
      flaky += each.flaky;
    }
    return { counts: sums.counts, flaky, durationUs: durationOf(sums) };
  };
  const [day, week, month, quarter] = WINDOW_DAYS;
  return [sumsOf(day), sumsOf(week), sumsOf(month), sumsOf(quarter)];
}
