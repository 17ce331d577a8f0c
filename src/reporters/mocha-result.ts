/** Results of Mocha as results of Tally. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../client/index.js";
import type { Runnable } from "./mocha-types.js";
import { printed } from "./printed.js";
import { durationOf, type ErrorLike, failureOf, plain, timeOf } from "./result-parts.js";

export interface Outcome {
  readonly status: Status;
  /** Mocha's own word. */
  readonly rawStatus: string;
  readonly attempt: number;
  readonly repeatIndex: number;
  /** When it ended, in milliseconds since the epoch, if that is known. */
  readonly endedAt?: number | undefined;
  readonly error?: unknown;
  /** Why it did not run. */
  readonly reason?: string;
}

/** A test or a hook as a result. */
export function runnableResult(
  { title, duration, ...runnable }: Pick<Runnable, "title" | "duration"> & Place,
  { status, rawStatus, attempt, repeatIndex, endedAt, error, reason }: Outcome,
): TestResultInit {
  return {
    test: { suite: runnable.suite, file: runnable.file, name: title || "(no title)" },
    status,
    rawStatus,
    attempt,
    repeatIndex,
    startTime: endedAt === undefined ? undefined : timeOf(endedAt - (duration ?? 0)),
    duration: durationOf(duration),
    failure: error === undefined ? undefined : failureOf([errorOf(error)]),
    skipReason: reason ?? "",
    location: { file: runnable.file },
  };
}

/** What made the run fail, although no test and no hook of a suite did. */
export function brokenRun(): TestResultInit {
  return {
    test: { name: "(run)" },
    status: Status.ERRORED,
    rawStatus: "failed",
    failure: { message: "The run failed outside of its tests: see what Mocha printed." },
  };
}

/** Whether Mocha calls a test failed that it did not run: `--fail-hook-affected-tests`. */
export function isPrecluded(error: unknown): boolean {
  return plain((error as ErrorLike | undefined)?.message).startsWith(
    "Test skipped due to failure in hook ",
  );
}

interface Place {
  readonly suite: string;
  readonly file: string;
}

/** Attempts that are tried again can fail with anything. The class is in the trace where a copy has lost it. */
function errorOf(error: unknown): ErrorLike {
  if (typeof error !== "object" || error === null) return { message: printed(error) };
  const { name, message, stack, expected, actual } = error as ErrorLike;
  return {
    name: name ?? NAME.exec(plain(stack))?.[1] ?? "",
    message: plain(message) || printed(error),
    stack,
    expected: printed(expected),
    actual: printed(actual),
  };
}

const NAME = /^([\w$.]*(?:Error|Exception))\b/;
