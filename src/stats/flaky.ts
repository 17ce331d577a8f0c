/**
 * What makes a test flaky, by evidence alone. No definition asks in which order results arrived or when: the same
 * results give the same verdict, and late ones are taken in.
 *
 * - *Decisive* results are PASSED and FAILED. ERRORED, SKIPPED and PRECLUDED ones say nothing of the test.
 * - A *contradiction* is a failed and a passed result of the same test, job and code (`contradicts`).
 * - A *flaky failure* is a failed result that some passed one contradicts.
 * - The *flake rate* of a window is its flaky failures by its decisive results, with the interval of wilson.ts. A
 *   result belongs to the UTC day on which its run counts.
 *
 * That the same code gives both is the usual definition: Q. Luo, F. Hariri, L. Eloussi, D. Marinov, "An empirical
 * analysis of flaky tests", FSE 2014.
 */
import { Status } from "../../gen/tally/v1/run_pb.js";

/** Of all definitions here; what an older one judged may differ. */
export const FLAKY_VERSION = 1;

/** What `contradicts` asks of a result and its run. */
export interface ResultFacts {
  /** Of the test with its variant, which is part of its identity. */
  readonly testKey: string;
  /** Of the part that sent it. Jobs differ in what they run on. */
  readonly job: string;
  readonly status: Status;
  readonly runKey: string;
  /** Empty if the run does not tell. */
  readonly commitSha: string;
  /** Empty if the run does not tell. */
  readonly treeSha: string;
  /** The run had changes that neither names. */
  readonly dirty: boolean;
}

/**
 * Whether a FAILED and a PASSED result are of the same test and job, and of the same run (a retry or a repeat) or of
 * runs of the same code: with the same commit or the same tree, neither of them empty, and neither run dirty.
 */
export function contradicts(failed: ResultFacts, passed: ResultFacts): boolean {
  if (failed.status !== Status.FAILED || passed.status !== Status.PASSED) return false;
  if (failed.testKey !== passed.testKey || failed.job !== passed.job) return false;
  return failed.runKey === passed.runKey || isSameCode(failed, passed);
}

/** What the evidence of a window says of a test. */
export type Verdict = "UNKNOWN" | "HEALTHY" | "FLAKY" | "RECOVERED" | "BROKEN";

/** A run with decisive results of a test; both, if they contradict each other. */
export interface DecisiveRun {
  readonly passed: boolean;
  readonly failed: boolean;
}

/** What judgeTest judges by. */
export interface Evidence {
  /** In the window. */
  readonly flakyFailures: number;
  /** Decisive results in the window, the flaky failures among them. */
  readonly decisive: number;
  /** The newest runs with decisive results, newest first, at least three if there are (recent-runs.ts). */
  readonly recentRuns: readonly DecisiveRun[];
  /** Decisive results of the window on days after that of its last flaky failure. */
  readonly decisiveSinceLastFlake: number;
}

/**
 * The verdict, the first of these that is so:
 * - UNKNOWN: the window has no decisive result.
 * - BROKEN: the test only fails now. Its newest run only failed; the newest three, if the window has a flaky failure,
 *   since one failure of a flaky test is nothing new.
 * - HEALTHY: the window has no flaky failure.
 * - RECOVERED: since the day of the last flaky failure there are at least max(20, ⌈3 / rate⌉) decisive results, the
 *   rate being that of flaky failures up to that day. That is the rule of three: were the test still as flaky as it was,
 *   so many without a flaky failure had a probability of (1 − rate)^(3 / rate) ≤ e^-3 = 5 %. Source: J. Hanley,
 *   A. Lippman-Hand, "If nothing goes wrong, is everything all right? Interpreting zero numerators", JAMA 249 (1983).
 * - FLAKY.
 */
export function judgeTest(evidence: Evidence): Verdict {
  const { flakyFailures, decisive, recentRuns } = evidence;
  if (decisive === 0) return "UNKNOWN";
  if (onlyFail(recentRuns, flakyFailures === 0 ? 1 : FAILING_RUNS_OF_A_FLAKY_TEST)) return "BROKEN";
  if (flakyFailures === 0) return "HEALTHY";
  return hasRecovered(evidence) ? "RECOVERED" : "FLAKY";
}

function isSameCode(a: ResultFacts, b: ResultFacts): boolean {
  if (a.dirty || b.dirty) return false;
  if (a.commitSha !== "" && a.commitSha === b.commitSha) return true;
  return a.treeSha !== "" && a.treeSha === b.treeSha;
}

/** Whether there are so many runs and the newest of them only failed. */
function onlyFail(runs: readonly DecisiveRun[], count: number): boolean {
  return runs.length >= count && runs.slice(0, count).every((run) => run.failed && !run.passed);
}

function hasRecovered({ flakyFailures, decisive, decisiveSinceLastFlake }: Evidence): boolean {
  const before = decisive - decisiveSinceLastFlake;
  const perFlake = Math.ceil((3 * before) / flakyFailures);
  return decisiveSinceLastFlake >= Math.max(MIN_SINCE_LAST_FLAKE, perFlake);
}

const FAILING_RUNS_OF_A_FLAKY_TEST = 3;
/** A test that is flaky more often than every seventh time still needs so many. */
const MIN_SINCE_LAST_FLAKE = 20;
