/** Results of Jest as results of Tally. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../client/index.js";
import type { CaseResult, FileResult, FinalResult } from "./jest-types.js";
import { printed } from "./printed.js";
import { durationOf, type ErrorLike, failureOf, plain, timeOf } from "./result-parts.js";

/** A file as a project runs it. */
export interface JestFile {
  /** Relative to the repository. */
  readonly name: string;
  /** The project, if it has a name. */
  readonly variant: Readonly<Record<string, string>>;
}

/** Which try of its test a result is, from 1. */
export function attemptOf({ invocations }: FinalResult): number {
  return invocations ?? 1;
}

/** When an attempt began, in milliseconds since the epoch. */
export function startOf(result: CaseResult): number | undefined {
  return result.startedAt ?? result.startAt ?? undefined;
}

/** The test as it is known. */
export function testOf({ ancestorTitles, title }: FinalResult, { name, variant }: JestFile) {
  return { suite: ancestorTitles.join(" > "), file: name, name: title || "(no title)", variant };
}

/** An attempt as a result. */
export function attemptResult(
  result: CaseResult,
  file: JestFile,
  repeatIndex: number,
): TestResultInit {
  const errors = errorsOf(result);
  return {
    test: testOf(result, file),
    status: statusOf(result, errors),
    rawStatus: result.status,
    attempt: attemptOf(result),
    repeatIndex,
    startTime: timeOf(startOf(result)),
    duration: durationOf(result.duration ?? undefined),
    failure: errors.length > 0 ? failureOf(errors) : undefined,
    location: { file: file.name, line: result.location?.line ?? 0 },
  };
}

/**
 * What went wrong with a file outside of its tests: it does not load, has no tests, its worker died, or a hook after
 * all tests failed. Jest does not say which.
 */
export function fileResult(
  error: ErrorLike,
  { perfStats }: FileResult,
  file: JestFile,
): TestResultInit {
  const { start, end } = perfStats;
  return {
    test: { file: file.name, name: "(file)", variant: file.variant },
    ...broken(error),
    startTime: start > 0 ? timeOf(start) : undefined,
    duration: durationOf(end - start),
    location: { file: file.name },
  };
}

/** What stopped Jest as a whole. */
export function runResult(error: ErrorLike): TestResultInit {
  return { test: { name: "(run)" }, ...broken(error) };
}

function broken({ message, stack }: ErrorLike) {
  const read = errorOf(plain(stack) || plain(message), undefined);
  return {
    status: Status.ERRORED,
    rawStatus: "failed",
    failure: failureOf([{ ...read, message: plain(message) || read.message }]),
  };
}

function statusOf({ status }: CaseResult, errors: readonly ErrorLike[]): Status {
  if (status === "passed") return Status.PASSED;
  if (status !== "failed") return Status.SKIPPED;
  return errors.some(isOfHook) ? Status.ERRORED : Status.FAILED;
}

/** Skipped tests have the errors of the hooks that would have run before them. */
function errorsOf({ status, failureMessages, failureDetails }: CaseResult): ErrorLike[] {
  if (status !== "failed") return [];
  return failureMessages.map((text, i) => errorOf(text, failureDetails[i]));
}

/** Jest puts errors of hooks on the tests. It names the hook in the trace while the hook has not awaited anything. */
function isOfHook({ message, stack }: ErrorLike): boolean {
  return HOOK_TIMEOUT.test(plain(message)) || HOOK_FRAME.test(plain(stack));
}

/**
 * An error by its text, which is the same in a worker and without: there the error itself has lost its message. The
 * values of a matcher have come through.
 */
function errorOf(text: string, detail: unknown): ErrorLike {
  const stack = plain(text);
  const head = stack.slice(0, FIRST_FRAME.exec(stack)?.index).trimEnd();
  const [prefix, name] = NAME.exec(head) ?? ["", ""];
  const { expected, actual } = matcherResultOf(detail);
  return {
    name,
    message: head.slice(prefix.length),
    stack,
    expected: printed(expected),
    actual: printed(actual),
  };
}

function matcherResultOf(detail: unknown): ErrorLike {
  if (typeof detail !== "object" || detail === null || !("matcherResult" in detail)) return {};
  return (detail.matcherResult ?? {}) as ErrorLike;
}

const FIRST_FRAME = /\n\s+at /;
const NAME = /^([\w$.]*(?:Error|Exception))(?:: |$)/;
const HOOK_TIMEOUT = /Exceeded timeout of .* for a hook/;
const HOOK_FRAME = /\n\s+at _callCircusHook /;
