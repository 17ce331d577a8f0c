/** Which run of a test is the last one, and which decided last. */
import type { TestWindowsState } from "../../db/fold-rows.js";
import {
  decodeRecentRuns,
  encodeRecentRuns,
  mergeRecentRuns,
  type RecentRun,
} from "../recent-runs.js";
import type { RunMoves, TestMoves } from "./gather.js";
import { compareRuns, type OrderedRun, type TestRun } from "./run-order.js";

/** Of the windows of a test, what tells of its runs. */
export type TestHistory = Pick<
  TestWindowsState,
  "lastRunKey" | "lastCountedUs" | "lastStatus" | "recent"
>;

/** Whether the runs that remain have to be asked for: those that leave may have kept them from the lists. */
export function needsOthers({ runs }: TestMoves, windows: TestWindowsState | undefined): boolean {
  if (windows === undefined || !runs.some(isLeaving)) return false;
  const gone = new Set(runs.filter(isLeaving).map(({ run }) => run.runKey));
  return (
    gone.has(windows.lastRunKey) ||
    decodeRecentRuns(windows.recent).some(({ runKey }) => gone.has(runKey))
  );
}

/** The history with runs that come and leave; `others` are those that remain where some leave. */
export function foldHistory(
  runs: readonly RunMoves[],
  stored: TestHistory | undefined,
  others: readonly TestRun[],
): TestHistory {
  const last = lastRun(runs, stored, others);
  return {
    lastRunKey: last.runKey,
    lastCountedUs: last.countedUs,
    lastStatus: last.status,
    recent: recentRuns(runs, stored, others),
  };
}

interface LastRun extends OrderedRun {
  readonly status: number;
}

const NO_RUN: LastRun = { runKey: "0", countedUs: 0, status: 0 };

/**
 * The newest run with a result of the test. Where all have left, of the last one that was known its time and status
 * stay, until any other comes.
 */
function lastRun(
  runs: readonly RunMoves[],
  stored: TestHistory | undefined,
  others: readonly TestRun[],
): LastRun {
  const known =
    stored === undefined
      ? NO_RUN
      : {
          runKey: stored.lastRunKey,
          countedUs: stored.lastCountedUs,
          status: stored.lastStatus,
        };
  const leaves = runs.some((moves) => isLeaving(moves) && moves.run.runKey === known.runKey);
  let newest = leaves || known.runKey === NO_RUN.runKey ? NO_RUN : known;
  for (const other of others) {
    if (compareRuns(other, newest) < 0) newest = { status: worstOf(other.statuses), ...other };
  }
  for (const { run, weight, statuses } of runs) {
    const order = weight === -1 ? 1 : compareRuns(run, newest);
    if (order > 0) continue;
    // What was known of its other results stays true.
    const before = run.runKey === known.runKey ? known.status : order === 0 ? newest.status : 0;
    const { runKey, countedUs } = run;
    newest = { runKey, countedUs, status: worstOf(statuses | (1 << before)) };
  }
  return newest === NO_RUN ? { ...known, runKey: NO_RUN.runKey } : newest;
}

/** The newest decisive runs. A run that only moves to another time keeps what was known of it. */
function recentRuns(
  runs: readonly RunMoves[],
  stored: TestHistory | undefined,
  others: readonly TestRun[],
): Uint8Array {
  const known = stored === undefined ? [] : decodeRecentRuns(stored.recent);
  const left = new Set<string>();
  for (const moves of runs) if (isLeaving(moves)) left.add(moves.run.runKey);
  const came: RecentRun[] = [];
  for (const { run, weight, statuses } of runs) {
    if (weight === -1) continue;
    const before = left.has(run.runKey)
      ? known.find(({ runKey }) => runKey === run.runKey)
      : undefined;
    addDecisive(came, run, statuses, before);
  }
  for (const other of others) addDecisive(came, other, other.statuses);
  if (came.length === 0 && left.size === 0) return stored?.recent ?? NO_BYTES;
  const staying = left.size === 0 ? known : known.filter(({ runKey }) => !left.has(runKey));
  return encodeRecentRuns(mergeRecentRuns(staying, came));
}

function addDecisive(
  list: RecentRun[],
  { runKey, countedUs }: OrderedRun,
  statuses: number,
  before?: RecentRun,
): void {
  const passed = (statuses & PASSED) !== 0 || before?.passed === true;
  const failed = (statuses & FAILED) !== 0 || before?.failed === true;
  if (passed || failed) list.push({ countedUs, runKey, passed, failed });
}

function isLeaving({ weight }: RunMoves): boolean {
  return weight === -1;
}

const NO_BYTES = new Uint8Array();
const PASSED = 1 << 1;
const FAILED = 1 << 2;

/** The worst of the statuses: errored, failed, passed, skipped, precluded. */
function worstOf(statuses: number): number {
  for (const status of SEVERITY) if ((statuses & (1 << status)) !== 0) return status;
  return 0;
}

const SEVERITY = [3, 2, 1, 4, 5];
