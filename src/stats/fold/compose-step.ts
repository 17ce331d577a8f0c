/** Puts one step of folding together: reads what is folded of what moves, and adds the moves to it. */

import { readHistories, readNewestFailures } from "../../db/fold-histories.js";
import {
  EMPTY_STEP,
  type FoldedRun,
  type FoldStep,
  type QueueKey,
  type TestDayState,
  type TestWindowsState,
} from "../../db/fold-rows.js";
import {
  readPartDurations,
  readPeriodDurations,
  readTestDays,
  readTestWindows,
} from "../../db/fold-states.js";
import { readCountedTimes } from "../../db/folding-runs.js";
import type { Queryable } from "../../db/queryable.js";
import { inStepsOf } from "../../heavy-steps.js";
import { RECENT_RUNS } from "../recent-runs.js";
import { addToEncoded, moveOf } from "./encoded-histogram.js";
import {
  type FailureChange,
  type FailureChanges,
  failureMoves,
  failureRows,
  gatherChanges,
} from "./failure-changes.js";
import { needsOthers } from "./fold-history.js";
import { type FoldedTest, foldTest } from "./fold-test.js";
import {
  type Gathered,
  gatherSlice,
  nothingGathered,
  type RunMoves,
  type TestMoves,
} from "./gather.js";
import { lessenedGroups, moveGroups } from "./group-moves.js";
import { compareRuns, hasRun, keysOf, newestOf, type RunList, type TestRun } from "./run-order.js";
import type { FoldSlice } from "./slice.js";
import { durationOf } from "./sums.js";

/** What a step is made of. */
export interface StepParts {
  readonly slices: readonly FoldSlice[];
  readonly failures: FailureChanges;
  readonly queue: readonly QueueKey[];
  readonly runs: readonly FoldedRun[];
  readonly unpurgedRuns: readonly string[];
}

/** Tests whose windows end before today: they have to move on before anything is added to them. */
export interface WindowsBehind {
  readonly behind: readonly number[];
  readonly today: number;
}

/** Some milliseconds each. */
const RESULTS_PER_STEP = 5_000;
const DAYS_PER_STEP = 200;

/** The step, for windows that end today. */
export async function composeStep(
  db: Queryable,
  projectKey: string,
  today: number,
  parts: StepParts,
): Promise<FoldStep | WindowsBehind> {
  const { slices, failures } = parts;
  const gathered = nothingGathered();
  await inStepsOf(
    slices,
    ({ testKeys }) => testKeys.length,
    RESULTS_PER_STEP,
    (slice) => gatherSlice(gathered, slice),
  );
  gatherChanges(gathered, failures.changes);
  const tests = await foldTests(db, projectKey, today, gathered);
  if ("behind" in tests) return tests;
  return {
    ...EMPTY_STEP,
    queue: parts.queue,
    runs: parts.runs,
    unpurgedRuns: parts.unpurgedRuns,
    parts: await foldParts(db, projectKey, gathered),
    periods: await foldPeriods(db, projectKey, gathered),
    testDays: tests.flatMap(({ days }) => days),
    testWindows: tests.map(({ windows }) => windows),
    ...failureRows(failures.changes),
    groups: failures.groups,
    ...(await foldGroups(db, projectKey, failures.changes)),
  };
}

async function foldTests(
  db: Queryable,
  projectKey: string,
  day: number,
  { tests }: Gathered,
): Promise<FoldedTest[] | WindowsBehind> {
  // In the order of their keys, as they are stored and written.
  const moves = [...tests.values()].sort((a, b) => a.testKey - b.testKey);
  if (moves.length === 0) return [];
  const testKeys = moves.map(({ testKey }) => testKey);
  const windows = await readTestWindows(db, projectKey, testKeys);
  // Midnight may have passed since the day was read, or the database's clock been set back over it.
  let today = day;
  for (const each of windows.values()) today = Math.max(today, each.day);
  for (const each of moves) for (const moved of each.days) today = Math.max(today, moved.day);
  const behind = testKeys.filter((testKey) => (windows.get(testKey)?.day ?? today) < today);
  if (behind.length > 0) return { behind, today };
  const keys = moves.flatMap(({ testKey, days }) => days.map(({ day }) => ({ testKey, day })));
  const days = await readTestDays(db, projectKey, keys);
  const countedUsOf = await readCounted(db, projectKey, moves, days);
  const others = await readOthers(db, projectKey, moves, windows);
  const folded: FoldedTest[] = [];
  let at = 0;
  await inStepsOf(
    moves,
    ({ days }) => days.length,
    DAYS_PER_STEP,
    (each) => {
      const { testKey } = each;
      const ofTest = days.slice(at, at + each.days.length);
      at += each.days.length;
      folded.push(
        foldTest(each, {
          today,
          windows: windows.get(testKey),
          days: ofTest,
          countedUsOf,
          others: others.get(testKey) ?? NO_RUNS,
        }),
      );
    },
  );
  return folded;
}

const NO_RUNS: readonly TestRun[] = [];

/**
 * When the runs count that come, and those that the days name, as far as they are compared: mostly a run is newer than
 * the newest one.
 */
async function readCounted(
  db: Queryable,
  projectKey: string,
  moves: readonly TestMoves[],
  days: readonly (TestDayState | undefined)[],
): Promise<(runKey: string) => number> {
  const counted = new Map<string, number>();
  for (const { runs } of moves) {
    for (const { run, weight } of runs) if (weight === 1) counted.set(run.runKey, run.countedUs);
  }
  const countedUsOf = (runKey: string) => counted.get(runKey) ?? 0;
  const lists = movedLists(moves, days);
  await readTimes(
    db,
    projectKey,
    counted,
    lists.map(({ list }) => newestOf(list)),
  );
  const whole = lists.filter(({ list, runs }) => {
    const newest = { runKey: newestOf(list), countedUs: countedUsOf(newestOf(list)) };
    return runs.some(
      ({ run, weight }) =>
        weight === -1 || (compareRuns(run, newest) > 0 && !hasRun(list, run.runKey)),
    );
  });
  await readTimes(
    db,
    projectKey,
    counted,
    whole.flatMap(({ list }) => keysOf(list)),
  );
  return countedUsOf;
}

/** The lists of runs of those days that name any, with the runs that come to them and leave them. */
function movedLists(
  moves: readonly TestMoves[],
  days: readonly (TestDayState | undefined)[],
): { readonly list: RunList; readonly runs: readonly RunMoves[] }[] {
  const lists: { list: RunList; runs: readonly RunMoves[] }[] = [];
  let at = 0;
  for (const { days: moved, runs } of moves) {
    for (const { day } of moved) {
      const state = days[at++];
      if (state === undefined || state.runKeys === "") continue;
      const ofDay = moved.length === 1 ? runs : runs.filter((run) => run.day === day);
      lists.push({ list: { runKeys: state.runKeys, more: state.moreRuns }, runs: ofDay });
    }
  }
  return lists;
}

/** Adds when these runs count, unless that is known. */
async function readTimes(
  db: Queryable,
  projectKey: string,
  counted: Map<string, number>,
  runKeys: readonly string[],
): Promise<void> {
  const unknown = new Set(runKeys.filter((runKey) => !counted.has(runKey)));
  if (unknown.size === 0) return;
  const found = await readCountedTimes(db, projectKey, [...unknown]);
  for (const [runKey, countedUs] of found) counted.set(runKey, countedUs);
}

/** Of the tests that runs leave, the newest others. */
async function readOthers(
  db: Queryable,
  projectKey: string,
  moves: readonly TestMoves[],
  windows: ReadonlyMap<number, TestWindowsState>,
): Promise<Map<number, TestRun[]>> {
  const asking = moves.filter((each) => needsOthers(each, windows.get(each.testKey)));
  const leaving = new Set<string>();
  for (const { runs } of asking) {
    for (const { run, weight } of runs) if (weight === -1) leaving.add(run.runKey);
  }
  const others = new Map<number, TestRun[]>();
  for (let from = 0; from < asking.length; from += TESTS_PER_READ) {
    const page = asking.slice(from, from + TESTS_PER_READ).map(({ testKey }) => testKey);
    const found = await readHistories(db, projectKey, page, [...leaving], RECENT_RUNS);
    for (const run of found) others.set(run.testKey, [...(others.get(run.testKey) ?? []), run]);
  }
  return others;
}

/** About 100 ms. */
const TESTS_PER_READ = 1_000;

async function foldParts(db: Queryable, projectKey: string, { parts }: Gathered) {
  const moves = [...parts.values()];
  if (moves.length === 0) return [];
  const stored = await readPartDurations(db, projectKey, moves);
  return moves.map(({ sums, durations, ...rest }, i) => ({
    counts: sums.counts,
    durationUs: durationOf(sums),
    durations: addToEncoded(stored[i] ?? NO_BYTES, moveOf(durations)),
    ...rest,
  }));
}

async function foldPeriods(db: Queryable, projectKey: string, { periods }: Gathered) {
  const moves = [...periods.values()];
  if (moves.length === 0) return [];
  const stored = await readPeriodDurations(db, projectKey, moves);
  return moves.map(({ sums, durations, ...key }, i) => ({
    counts: sums.counts,
    durationUs: durationOf(sums),
    durations: addToEncoded(stored[i] ?? NO_BYTES, moveOf(durations)),
    ...key,
  }));
}

const NO_BYTES = new Uint8Array();

async function foldGroups(db: Queryable, projectKey: string, changes: readonly FailureChange[]) {
  const moves = failureMoves(changes);
  const lessened = lessenedGroups(moves);
  const leaving = new Set(
    moves.filter(({ fromUs }) => fromUs !== null).map(({ failure }) => failure.runKey),
  );
  const newest =
    lessened.length === 0 ? [] : await readNewestFailures(db, projectKey, lessened, [...leaving]);
  const newestOf = new Map(
    lessened.map(({ fingerprint, testKey }, i) => [`${fingerprint} ${testKey}`, newest[i] ?? null]),
  );
  return moveGroups(
    moves,
    ({ fingerprint, testKey }) => newestOf.get(`${fingerprint} ${testKey}`) ?? null,
  );
}
