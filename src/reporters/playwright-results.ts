/** From what Playwright Test says of a test to results. */
import type { Suite, TestCase, TestError, TestResult, WorkerInfo } from "@playwright/test/reporter";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../client/index.js";
import { limits } from "../limits.js";
import { quietly } from "./quietly.js";
import { countRepeats } from "./repeats.js";
import { createFileNames } from "./repository-file.js";
import { durationOf, failureOf, plain, timeOf } from "./result-parts.js";

export interface PlaywrightResults {
  /** An attempt that has ended. */
  ofAttempt(test: TestCase, result: TestResult): TestResultInit;
  /** A test that was never tried. */
  ofUnrun(test: TestCase): TestResultInit;
  /** An attempt that was under way when the time of the whole run was up. */
  ofUnended(test: TestCase, result: TestResult): TestResultInit;
  /** An error outside of tests: a file that does not load, a worker that cannot be stopped, no tests at all. */
  ofError(error: TestError, worker?: WorkerInfo): TestResultInit;
}

/**
 * @param folder of the config, which tells the repository.
 * @param suite of all tests. Repeats count in its order: not only `repeatEach` makes them, since several projects may
 * have one name, or none.
 */
export function createPlaywrightResults(folder: string, suite: Suite): PlaywrightResults {
  const fileName = createFileNames(folder);
  const repeatOf = countRepeats();
  const repeats = new Map<TestCase, number>();
  for (const test of suite.allTests()) {
    quietly(() => repeats.set(test, repeatOf(...textsOf(identify(test)))));
  }

  function identify(test: TestCase) {
    return {
      suite: describesOf(test).join(" > "),
      file: fileName(test.location.file),
      name: test.title || "(no title)",
      variant: variantOf(test),
    };
  }

  function known(test: TestCase): Pick<TestResultInit, "test" | "repeatIndex" | "location"> {
    const identity = identify(test);
    return {
      test: identity,
      repeatIndex: repeats.get(test) ?? test.repeatEachIndex,
      location: { file: identity.file, line: test.location.line },
    };
  }

  return {
    ofAttempt(test, result) {
      const status = statusOf(test, result);
      return {
        status,
        rawStatus: wordOf(test, result),
        attempt: result.retry + 1,
        // A test that others stopped has no start.
        startTime: timeOf(result.startTime.getTime() || undefined),
        duration: durationOf(result.duration),
        ...(status === Status.FAILED || result.errors.length > 0
          ? { failure: failureOfAttempt(test, result) }
          : {}),
        skipReason: skipReasonOf(test, result),
        stdout: textOf(result.stdout),
        stderr: textOf(result.stderr),
        tags: tagsOf(test, result),
        ...known(test),
      };
    },
    ofUnrun(test) {
      const isSkipped = test.expectedStatus === "skipped";
      return {
        status: isSkipped ? Status.SKIPPED : Status.PRECLUDED,
        rawStatus: isSkipped ? "skipped" : "did not run",
        attempt: 1,
        ...known(test),
      };
    },
    ofUnended(test, result) {
      return {
        status: Status.ERRORED,
        rawStatus: "interrupted",
        attempt: result.retry + 1,
        startTime: timeOf(result.startTime.getTime() || undefined),
        failure: { kind: "timeout", message: "It was under way when the run was stopped." },
        ...known(test),
      };
    },
    ofError(error, worker) {
      const { location } = error;
      const file = location === undefined ? "" : fileName(location.file);
      const project = worker?.project.name ?? "";
      const name = worker !== undefined ? "(worker)" : file !== "" ? "(file)" : "(run)";
      // The second error of the same name is a repeat of it: so both are kept.
      return {
        test: { file, name, variant: project === "" ? {} : { project } },
        repeatIndex: repeatOf("", file, name, project),
        status: Status.ERRORED,
        attempt: 1,
        failure: failureOf([readError(error)]),
        ...(location === undefined ? {} : { location: { file, line: location.line } }),
      };
    },
  };
}

function textsOf({ suite, file, name, variant }: Identity): string[] {
  return [suite, file, name, ...Object.entries(variant).flat()];
}

interface Identity {
  readonly suite: string;
  readonly file: string;
  readonly name: string;
  readonly variant: Readonly<Record<string, string>>;
}

function statusOf(test: TestCase, result: TestResult): Status {
  if (result.status === "skipped") {
    return test.expectedStatus === "skipped" ? Status.SKIPPED : Status.PRECLUDED;
  }
  if (result.status === test.expectedStatus) return Status.PASSED;
  const isUnjudged = result.status === "interrupted" || isOfHook(result) || isOfWorker(result);
  return isUnjudged ? Status.ERRORED : Status.FAILED;
}

/** Playwright's word; `fixme`, which it reports as skipped, is more. */
function wordOf(test: TestCase, result: TestResult): string {
  if (result.status !== "skipped") return result.status;
  return markOf(test, result)?.type ?? "skipped";
}

function skipReasonOf(test: TestCase, result: TestResult): string {
  if (result.status !== "skipped") return "";
  return plain(markOf(test, result)?.description);
}

/** The annotation that skips the test. */
function markOf(test: TestCase, result: TestResult) {
  return annotationsOf(test, result).find(({ type }) => type === "skip" || type === "fixme");
}

/** Whether what failed first is a hook or a fixture: the test itself is not judged then. */
function isOfHook({ steps, errors }: TestResult): boolean {
  const [first] = errors;
  if (first === undefined) return false;
  return steps.some(
    ({ category, error }) =>
      category === "hook" && error !== undefined && messageOf(error) === messageOf(first),
  );
}

/** Whether the process of the test has ended under it, for which Playwright has no status of its own. */
function isOfWorker({ errors: [first] }: TestResult): boolean {
  return first !== undefined && messageOf(first).startsWith(WORKER_GONE);
}

function failureOfAttempt(test: TestCase, result: TestResult): TestResultInit["failure"] {
  if (result.errors.length === 0 && result.status === "passed") {
    return {
      kind: "unexpected",
      message: `It passed, and was expected to be ${test.expectedStatus}.`,
    };
  }
  return { ...failureOf(result.errors.map(readError)), kind: kindOf(result) };
}

function kindOf(result: TestResult): string {
  if (result.status === "timedOut") return "timeout";
  if (isOfHook(result)) return "hook";
  const [first] = result.errors;
  return first !== undefined && EXPECT.test(messageOf(first)) ? "assertion" : "";
}

function readError(error: TestError) {
  const message = messageOf(error);
  return { name: ERROR_NAME.exec(message)?.[1], message, stack: error.stack };
}

/** What is thrown without being an Error has a value instead of a message. */
function messageOf({ message, value }: TestError): string {
  return plain(message ?? value);
}

function describesOf(test: TestCase): string[] {
  const titles: string[] = [];
  for (let suite: Suite | undefined = test.parent; suite !== undefined; suite = suite.parent) {
    if (suite.type === "describe") titles.unshift(suite.title);
  }
  return titles;
}

function variantOf(test: TestCase): Record<string, string> {
  const project = test.parent.project();
  const { browserName } = project?.use ?? {};
  return {
    ...(project?.name ? { project: project.name } : {}),
    ...(browserName ? { browser: browserName } : {}),
  };
}

/** Tags without their `@`, and annotations that do not say how to judge the test. The server refuses longer names. */
function tagsOf(test: TestCase, result: TestResult): Record<string, string> {
  const tags = test.tags.map((tag) => [tag.replace(/^@/, ""), ""] as const);
  const notes = annotationsOf(test, result)
    .filter(({ type }) => !MARKS.has(type))
    .map(({ type, description }) => [type, plain(description)] as const);
  const kept = [...tags, ...notes].filter(
    ([key]) => key !== "" && Buffer.byteLength(key) <= limits.mapKeyBytes,
  );
  return Object.fromEntries(kept.slice(0, limits.mapEntries));
}

/** Those of the attempt; a test that was not tried has only its own. */
function annotationsOf(test: TestCase, result: TestResult) {
  return result.annotations.length > 0 ? result.annotations : test.annotations;
}

function textOf(chunks: readonly (string | Buffer)[]): string {
  return plain(chunks.map(String).join(""));
}

const MARKS = new Set(["skip", "fixme", "fail", "slow", "serial"]);
const WORKER_GONE = "Error: worker process exited unexpectedly";
const ERROR_NAME = /^([\w$]*Error): /;
const EXPECT = /^(?:Error: )?expect(?:\.\w+)*\(/m;
