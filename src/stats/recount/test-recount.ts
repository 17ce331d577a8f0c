/** The figures of one test, recounted from its results and its folded failures. */
import type { CountedResult } from "../../db/recount.js";
import { contradicts, type ResultFacts } from "../flaky.js";
import { quantile } from "../histogram.js";
import { encodeRecentRuns, mergeRecentRuns, type RecentRun } from "../recent-runs.js";
import { dayOf, WINDOW_DAYS, windowStart } from "../windows.js";
import { addTally, addToTally, emptyTally, histogramText, sumsText, type Tally } from "./tally.js";

/** A run of the test. */
interface TestRun {
  readonly runKey: string;
  readonly countedUs: number;
  readonly statuses: Set<number>;
}

/** A passed result, as far as a failed one may meet it. */
interface Pass {
  readonly facts: ResultFacts;
  readonly isAnyJob: boolean;
  /** It is folded, and its run is as it was then. */
  readonly isSettled: boolean;
}

export interface TestRecount {
  readonly testKey: string;
  readonly days: Map<number, Tally>;
  readonly runs: Map<string, TestRun>;
  /** Flaky failures by day, by what is stored of the failures. */
  readonly flaky: Map<number, number>;
  readonly passes: Map<string, Pass>;
  /** What the lists of runs name is not settled: results wait to be folded, or to be taken away. */
  isMoving: boolean;
}

/** Nothing yet. */
export function createTestRecount(testKey: string): TestRecount {
  return {
    testKey,
    days: new Map(),
    runs: new Map(),
    flaky: new Map(),
    passes: new Map(),
    isMoving: false,
  };
}

const PASSED = 1;
const FAILED = 2;

/** Adds a result of the test. */
export function addResult(recount: TestRecount, row: CountedResult): void {
  if (row.waits || row.leaves || row.moves) recount.isMoving = true;
  if (row.status === PASSED) addPass(recount, row);
  if (row.waits || row.counted_us === null) return;
  const countedUs = Number(row.counted_us);
  const day = dayOf(countedUs);
  const tally = recount.days.get(day) ?? emptyTally();
  recount.days.set(day, tally);
  addToTally(tally, row);
  const run = recount.runs.get(row.run_key) ?? {
    runKey: row.run_key,
    countedUs,
    statuses: new Set<number>(),
  };
  recount.runs.set(row.run_key, run);
  run.statuses.add(row.status);
}

/** Those of one run and job are alike. Of what was removed already the job is not known. */
function addPass({ passes }: TestRecount, row: CountedResult): void {
  const { job } = row;
  const key = `${row.run_key} ${job === null ? "?" : `job ${job}`}`;
  const isSettled = job !== null && !row.waits && !row.leaves && !row.moves;
  if (passes.get(key)?.isSettled === true) return;
  // A run that turns out to be dirty contradicts others until that is folded.
  const dirty = row.dirty && isSettled;
  const facts = factsOf({ ...row, dirty }, job ?? "", PASSED);
  passes.set(key, { facts, isAnyJob: job === null, isSettled });
}

/** The facts of a result that `contradicts` asks for. */
export function factsOf(
  row: Pick<CountedResult, "test_key" | "run_key" | "commit_sha" | "tree_sha" | "dirty">,
  job: string,
  status: number,
): ResultFacts {
  return {
    testKey: row.test_key,
    job,
    status,
    runKey: row.run_key,
    commitSha: row.commit_sha,
    treeSha: row.tree_sha,
    dirty: row.dirty,
  };
}

/** Whether a pass contradicts a failed result of these facts; null where only unsettled ones do. */
export function isContradicted({ passes }: TestRecount, facts: ResultFacts): boolean | null {
  let answer: boolean | null = false;
  for (const pass of passes.values()) {
    const { job } = pass.isAnyJob ? pass.facts : facts;
    if (!contradicts({ ...facts, job, status: FAILED }, pass.facts)) continue;
    if (pass.isSettled) return true;
    answer = null;
  }
  return answer;
}

/** The newest runs first. */
export function newestRuns({ runs }: TestRecount, isWanted: (run: TestRun) => boolean): TestRun[] {
  return [...runs.values()]
    .filter(isWanted)
    .sort((a, b) => b.countedUs - a.countedUs || Number(BigInt(b.runKey) - BigInt(a.runKey)));
}

/** The decisive runs that a test remembers, of those that are wanted. */
export function recentRuns(recount: TestRecount, isWanted: (run: TestRun) => boolean): RecentRun[] {
  const runs = newestRuns(recount, isWanted).map(({ countedUs, runKey, statuses }) => ({
    countedUs,
    runKey,
    passed: statuses.has(PASSED),
    failed: statuses.has(FAILED),
  }));
  return mergeRecentRuns(
    [],
    runs.filter(({ passed, failed }) => passed || failed),
  );
}

/** As it is compared. */
export function recentText(runs: readonly RecentRun[]): string {
  return Buffer.from(encodeRecentRuns(runs)).toString("hex");
}

/** Windows that end on a day, as they are compared: sums, and the histogram with its 95th percentile. */
export function windowTexts(
  { days, flaky }: TestRecount,
  lastDay: number,
): { readonly sums: string; readonly histogram: string; readonly p95: string }[] {
  return WINDOW_DAYS.map((window) => {
    const tally = emptyTally();
    let flakyCount = 0;
    for (let day = windowStart(lastDay, window); day <= lastDay; day++) {
      addTally(tally, days.get(day) ?? emptyTally());
      flakyCount += flaky.get(day) ?? 0;
    }
    return {
      sums: `${sumsText(tally)} ${flakyCount}`,
      histogram: histogramText(tally.histogram),
      p95: String(quantile(tally.histogram, 0.95) ?? 0),
    };
  });
}
