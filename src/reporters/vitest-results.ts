/**
 * What Vitest tells of a test, as results.
 *
 * Vitest tells it once, after all retries: how many there were, every error in order, the start of the first attempt
 * and the time that all took together. Each attempt is a result here: the earlier ones failed, the last has the state
 * of the test, and its start and duration, which are those of all. The n-th failed attempt has the n-th error, the last
 * that failed has the rest. A test that is repeated (`repeats`), or expected to fail (`test.fails`), is one result,
 * since Vitest tells one outcome of it.
 */
import type { TestCase } from "vitest/node";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../client/index.js";
import { durationOf, failureOf, timeOf } from "./result-parts.js";
import type { Named } from "./vitest-names.js";

/** What all results of a test have in common. */
export interface TestParts extends Named, Pick<TestResultInit, "stdout" | "stderr"> {}

/** A test that did not run, because it was not to, or because what encloses it had failed. */
export function skippedResult(
  test: TestCase,
  parts: TestParts,
  isPrecluded: boolean,
): TestResultInit {
  const result = test.result();
  const note = result.state === "skipped" ? result.note : undefined;
  return {
    status: isPrecluded || note === ABORTED ? Status.PRECLUDED : Status.SKIPPED,
    attempt: 1,
    rawStatus: test.options.mode === "todo" ? "todo" : "skipped",
    skipReason: note ?? "",
    ...parts,
  };
}

/** The attempts of a test that ran. `hooks` are those of its hooks that failed, in the last attempt. */
export function attemptResults(
  test: TestCase,
  parts: TestParts,
  hooks: { readonly before: boolean; readonly after: boolean },
): TestResultInit[] {
  const { state, errors = [] } = test.result();
  const diagnostic = test.diagnostic();
  const last = test.options.fails ? 1 : 1 + (diagnostic?.retryCount ?? 0);
  const lastFailed = state === "passed" ? last - 1 : last;
  const results: TestResultInit[] = [];
  for (let attempt = 1; attempt <= last; attempt++) {
    const own =
      attempt === lastFailed ? errors.slice(attempt - 1) : errors.slice(attempt - 1, attempt);
    const isLast = attempt === last;
    // A test that failed by itself, before a hook did, failed.
    const isHook = isLast && (hooks.before || (hooks.after && own.length < 2));
    results.push({
      attempt,
      ...(isLast ? parts : { ...parts, stdout: "", stderr: "" }),
      ...(attempt > lastFailed
        ? { status: Status.PASSED }
        : {
            status: isHook ? Status.ERRORED : Status.FAILED,
            failure: failureOf(own),
            rawStatus: "failed",
          }),
      ...(isLast
        ? { startTime: timeOf(diagnostic?.startTime), duration: durationOf(diagnostic?.duration) }
        : {}),
    });
  }
  return results;
}

/** The note of tests that were under way when the run was stopped, also by `bail`. */
const ABORTED = "The test run was aborted by the user.";
