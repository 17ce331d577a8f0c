/**
 * From the events of node:test to results. The counts are Node's own: a test with subtests is a test too, a describe is
 * none, and a file without tests is one.
 *
 * No event names its parent. But `test:start`, `test:pass` and `test:fail` come in the order of the definitions,
 * whatever runs at the same time, and a parent's start before its children's: the names of the last starts of lower
 * nesting are the path. Node tells no time of day, so neither do the results.
 */
import { resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../client/index.js";
import { type NodeTestFailure, readFailure } from "./node-test-failure.js";
import { createOutputs } from "./node-test-outputs.js";
import { countRepeats } from "./repeats.js";
import { createFileNames } from "./repository-file.js";
import { durationOf, plain } from "./result-parts.js";

export interface NodeTestResults {
  /** The result that the event tells of, if any. */
  take(event: TestEvent): TestResultInit | undefined;
}

/** @param folder that Node was started in. */
export function createNodeTestResults(folder: string): NodeTestResults {
  const fileName = createFileNames(folder);
  const outputs = createOutputs(folder);
  const path: string[] = [];
  const repeatOf = countRepeats();

  function resultOf(data: TestEnd, failure: NodeTestFailure | undefined) {
    const { nesting, details } = data;
    const isSuite = details.type === "suite";
    if (isSuite && isToldByOthers(data, failure)) return undefined;
    // Node reports a file as a test of its name if it has no tests, or fails beyond them.
    const isFile = nesting === 0 && resolve(folder, data.name) === data.file;
    const file = data.file === undefined ? "" : fileName(data.file);
    const suite = path.slice(0, isSuite ? nesting + 1 : nesting).join(" > ");
    const part = isFile ? "(file)" : isSuite ? "(describe)" : undefined;
    const name = part === undefined ? data.name : (failure?.hook ?? part);
    return {
      test: { suite, file, name: name || "(no name)" },
      repeatIndex: repeatOf(file, suite, name),
      attempt: 1,
      ...verdictOf(data, failure, part !== undefined),
      duration: durationOf(details.duration_ms),
      location: { file, line: isFile ? 0 : (data.line ?? 0) },
      ...(failure === undefined ? {} : { failure: failure.shown }),
      ...(isFile ? outputs.take(data.name) : {}),
    };
  }

  return {
    take(event) {
      switch (event.type) {
        case "test:start":
          path[event.data.nesting] = event.data.name;
          return undefined;
        case "test:stdout":
          outputs.add(event.data.file, "stdout", event.data.message);
          return undefined;
        case "test:stderr":
          outputs.add(event.data.file, "stderr", event.data.message);
          return undefined;
        case "test:pass":
          return resultOf(event.data, undefined);
        case "test:fail":
          return resultOf(event.data, readFailure(event.data.details.error));
        default:
          return undefined;
      }
    },
  };
}

type TestEnd = Extract<TestEvent, { type: "test:pass" | "test:fail" }>["data"];

/** Whether a describe tells nothing that its tests or its parent do not tell. */
function isToldByOthers({ nesting }: TestEnd, failure: NodeTestFailure | undefined): boolean {
  if (failure === undefined || failure.type === "subtestsFailed") return true;
  return failure.type === "cancelledByParent" && nesting > 0;
}

/** A test to do is not judged by Node, whether it fails or not; one that skips itself and fails is. */
function verdictOf(
  { nesting, skip, todo }: TestEnd,
  failure: NodeTestFailure | undefined,
  isPart: boolean,
): Pick<TestResultInit, "status" | "rawStatus" | "skipReason"> {
  const isTodo = todo !== undefined && todo !== false;
  if (failure !== undefined && !isTodo) {
    return {
      status: isPart ? Status.ERRORED : statusOf(failure, nesting),
      rawStatus: failure.type,
    };
  }
  if (skip !== undefined && skip !== false) {
    return { status: Status.SKIPPED, rawStatus: "skip", skipReason: plain(skip) };
  }
  if (isTodo) return { status: Status.SKIPPED, rawStatus: "todo", skipReason: plain(todo) };
  return { status: Status.PASSED };
}

function statusOf({ type }: NodeTestFailure, nesting: number): Status {
  switch (type) {
    case "hookFailed":
    case "testAborted":
    case "parentAlreadyFinished":
      return Status.ERRORED;
    case "cancelledByParent":
      // In a file that ends before its tests, nothing else fails.
      return nesting > 0 ? Status.PRECLUDED : Status.ERRORED;
    default:
      return Status.FAILED;
  }
}
