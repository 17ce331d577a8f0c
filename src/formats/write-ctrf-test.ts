/** The tries of a test as a test of CTRF. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import { canonicalParameters } from "./ctrf-test.js";
import type { Losses } from "./losses.js";
import { isSharedField, ownFields } from "./own-fields.js";
import { isSamePart, type PartResult } from "./tries.js";
import { secondsText, timestampText } from "./values.js";

/** The last try, with those before it as `retryAttempts`; `skipped` tries before them are not known. */
export function ctrfTest(tries: readonly TestResult[], skipped: number, losses: Losses): object {
  const last = tries.at(-1);
  if (last === undefined) throw new TypeError("a test has tries");
  const earlier = tries.slice(0, -1);
  const { test, location, tags } = last;
  const named = Object.entries(tags).filter(([key]) => key !== "");
  if (named.length < Object.keys(tags).length) losses.add("tags without a name");
  const parameters = parametersOf(test?.parameters ?? "");
  const flaky = last.status === Status.PASSED && earlier.some((each) => isFailed(each));
  return compact({
    executionId: last.resultId,
    name: test?.name,
    ...tryFields(last),
    suite: test?.suite ? test.suite.split(" > ") : undefined,
    filePath: test?.file,
    line: location?.line || undefined,
    parameters,
    browser: test?.variant["browser"],
    device: test?.variant["device"],
    tags: some(named.filter(([, value]) => value === "").map(([key]) => key)),
    labels: someOf(named.filter(([, value]) => value !== "")),
    retries: earlier.length + skipped || undefined,
    flaky: flaky || undefined,
    retryAttempts: some(
      earlier.map((each, index) => {
        const { rawStatus: _, ...fields } = tryFields(each);
        const word = { raw_status: wordOf(each) };
        const extra = extraOf(each, isSharedField, word["raw_status"] === "" ? {} : word);
        return compact({
          attempt: skipped + index + 1,
          attemptId: each.resultId,
          ...fields,
          extra,
        });
      }),
    ),
    extra: extraOf(last, (name) => isPlaced(name, parameters !== undefined, last), {}),
  });
}

/** Whether a try follows another of the same part, and differs from it in nothing that a test has only once. */
export function isNextTry(next: PartResult, last: PartResult): boolean {
  const [a, b] = [last.result, next.result];
  return (
    isSamePart(next.part, last.part) &&
    b.attempt === Math.max(1, a.attempt) + 1 &&
    sharedText(a) === sharedText(b)
  );
}

/** Its word for how the result ended. */
export function ctrfStatus({ status }: TestResult): "passed" | "failed" | "skipped" | "other" {
  switch (status) {
    case Status.PASSED:
      return "passed";
    case Status.FAILED:
      return "failed";
    case Status.SKIPPED:
    case Status.PRECLUDED:
      return "skipped";
    default:
      return "other";
  }
}

/** Whole milliseconds of a time or duration. */
export function milliseconds(value: Timestamp | Duration | undefined): number | undefined {
  return value && Number(value.seconds) * 1000 + Math.floor(value.nanos / 1e6);
}

function tryFields(result: TestResult) {
  const { failure, skipReason, stdout, stderr } = result;
  const [failed, skipped] = [isFailed(result), ctrfStatus(result) === "skipped"];
  const [start, duration] = [milliseconds(result.startTime), milliseconds(result.duration) ?? 0];
  return {
    status: ctrfStatus(result),
    duration,
    start,
    stop: start === undefined ? undefined : start + duration,
    message: failed ? failure?.message : skipped ? skipReason : undefined,
    trace: failed ? failure?.trace : undefined,
    rawStatus: wordOf(result),
    stdout: stdout === "" ? undefined : stdout.split("\n"),
    stderr: stderr === "" ? undefined : stderr.split("\n"),
  };
}

/** The framework's word, where it is another than CTRF's. */
function wordOf(result: TestResult): string {
  return result.rawStatus === ctrfStatus(result) ? "" : result.rawStatus;
}

function extraOf(
  result: TestResult,
  placed: (name: string) => boolean,
  more: Readonly<Record<string, string>>,
) {
  const own = ownFields(result, placed);
  const { duration, startTime } = result;
  // A test must have a duration; an empty one here says that it has none.
  if (duration === undefined || duration.nanos % 1e6 !== 0)
    own.set("duration", secondsText(duration));
  if (startTime !== undefined && startTime.nanos % 1e6 !== 0) {
    own.set("start_time", timestampText(startTime));
  }
  for (const [name, value] of Object.entries(more)) own.set(name, value);
  return own.size === 0 ? undefined : { tally: Object.fromEntries(own) };
}

function isPlaced(name: string, hasParameters: boolean, { test }: TestResult): boolean {
  if (name === "variant.browser") return test?.variant["browser"] !== "";
  if (name === "variant.device") return test?.variant["device"] !== "";
  return name === "parameters" && hasParameters;
}

function isFailed({ status }: TestResult): boolean {
  return status === Status.FAILED || status === Status.ERRORED;
}

/** The object whose text they are; undefined if they are another text. */
function parametersOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return canonicalParameters(value) === text ? (value as object) : undefined;
  } catch {
    // Any text may be parameters.
    return undefined;
  }
}

function sharedText({ tags, location }: TestResult): string {
  const entries = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([entries, location?.file ?? "", location?.line ?? 0]);
}

function some<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function someOf(entries: readonly (readonly [string, string])[]): object | undefined {
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Without what is absent or empty. */
function compact(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""),
  );
}
