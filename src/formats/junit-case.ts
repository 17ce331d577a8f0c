/** What a `<testcase>` says, and the results it stands for. */
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import { wellFormedResult } from "../client/fit-result.js";
import { limits } from "../limits.js";
import type { Attempts } from "./attempts.js";
import { joinTexts, type KeptText, lostPart, trimLines } from "./kept-text.js";
import { ownFieldOf, type ResultFacts, sharedFields, withOwnFields } from "./own-fields.js";
import type { ReportResult } from "./report-item.js";
import { parseSeconds, parseTimestamp, statusOfWord } from "./values.js";
import type { XmlAttributes } from "./xml-reader.js";

/** Elements inside a test case that say how a try ended. */
export type OutcomeKind =
  | "failure"
  | "error"
  | "skipped"
  | "flakyFailure"
  | "flakyError"
  | "rerunFailure"
  | "rerunError";

export interface Outcome {
  readonly kind: OutcomeKind;
  readonly attributes: XmlAttributes;
  readonly text: KeptText;
  readonly stackTrace: KeptText;
  readonly stdout: KeptText;
  readonly stderr: KeptText;
}

export interface TestCase {
  readonly line: number;
  readonly attributes: XmlAttributes;
  /** Of the nearest suite: repeats of the test within it are its tries. */
  readonly scope: number;
  /** Names of the suites around it, outermost first. */
  readonly suites: readonly string[];
  /** Of the nearest suite that has one. */
  readonly suiteFile: string;
  readonly suiteTimestamp: string;
  readonly browser: string;
  readonly outcomes: Outcome[];
  readonly properties: Map<string, string>;
  readonly stdout: KeptText;
  readonly stderr: KeptText;
}

/**
 * The results of a test case in the order of its tries. `flakyFailure` and `flakyError` come before the try
 * that the case itself stands for, `rerunFailure` and `rerunError` after it: Surefire and nextest list reruns
 * of a test that kept failing behind its first failure.
 */
export function caseResults(
  test: TestCase,
  attempts: Attempts,
  warn: (message: string) => void,
): ReportResult[] {
  const before = test.outcomes.filter(({ kind }) => kind.startsWith("flaky"));
  const own = test.outcomes.filter(({ kind }) => !/^(flaky|rerun)/.test(kind));
  const after = test.outcomes.filter(({ kind }) => kind.startsWith("rerun"));
  const identity = identify(test, warn);
  const fields = ownFieldsOf(test.properties);
  const shared = sharedFields(fields);
  const toResult = (facts: ResultFacts, extra = shared): TestResult => {
    const whole = { test: { ...identity }, location: locate(test, facts), ...facts };
    return wellFormedResult(withOwnFields(whole, extra), { decoded: true });
  };
  const results = [
    ...before.map((outcome) => toResult(retryResult(outcome, warn))),
    toResult(ownResult(test, own, warn), fields),
    ...after.map((outcome) => toResult(retryResult(outcome, warn))),
  ];
  attempts.number(results, test.scope);
  return results.map((result, index) => ({
    kind: "result",
    line: test.line,
    retry: index !== before.length,
    result,
  }));
}

/**
 * The suite is the class, or the name of the innermost testsuite where that only qualifies the class (Xcode);
 * where there is no class, or it merely repeats the name (mocha, jest), it is the path of testsuites.
 */
function identify(test: TestCase, warn: (message: string) => void) {
  const name = attribute(test.attributes, "name");
  const className = attribute(test.attributes, "classname") || attribute(test.attributes, "class");
  const innermost = test.suites.at(-1) ?? "";
  const repeatsName =
    className === name || (className.includes(" ") && name.endsWith(` ${className}`));
  const path = test.suites.filter((suite) => suite !== "").join(" > ");
  if (name === "") warn("a test case has no name");
  let suite = path;
  if (className !== "" && !repeatsName) {
    suite = innermost.endsWith(`.${className}`) ? innermost : className;
  }
  return {
    suite,
    file: caseFile(test),
    name: name || className,
    variant: test.browser === "" ? {} : { browser: test.browser },
  };
}

function ownResult(
  test: TestCase,
  outcomes: readonly Outcome[],
  warn: (message: string) => void,
): ResultFacts {
  const { attributes } = test;
  const word = attribute(attributes, "status");
  const broken = outcomes.filter(({ kind }) => kind !== "skipped");
  const skipped = outcomes.find(({ kind }) => kind === "skipped");
  const stated = statusOfWord(word) ?? statusOfWord(attribute(attributes, "result"));
  let status = stated ?? Status.PASSED;
  if (broken.some(({ kind }) => kind === "failure")) status = Status.FAILED;
  else if (broken.length > 0) status = Status.ERRORED;
  else if (skipped !== undefined) status = Status.SKIPPED;
  const reason = skipped === undefined ? undefined : messageOf(skipped);
  const failure = failureOf(broken);
  return {
    status,
    rawStatus: word,
    ...timesOf(attributes, test.suiteTimestamp, warn),
    ...failure?.init,
    skipReason: reason?.text ?? "",
    stdout: test.stdout.text,
    stderr: test.stderr.text,
    tags: tagsOf(test.properties, warn),
    truncations: [
      ...(failure?.lost ?? []),
      ...(reason === undefined ? [] : lostPart("skip_reason", reason)),
      ...lostPart("stdout", test.stdout),
      ...lostPart("stderr", test.stderr),
    ],
  };
}

function retryResult(outcome: Outcome, warn: (message: string) => void): ResultFacts {
  const failure = failureOf([outcome]);
  return {
    status: outcome.kind.endsWith("Error") ? Status.ERRORED : Status.FAILED,
    rawStatus: outcome.kind,
    ...timesOf(outcome.attributes, "", warn),
    ...failure?.init,
    stdout: outcome.stdout.text,
    stderr: outcome.stderr.text,
    truncations: [
      ...(failure?.lost ?? []),
      ...lostPart("stdout", outcome.stdout),
      ...lostPart("stderr", outcome.stderr),
    ],
  };
}

/** Several failures of one try are one, with all messages and all traces. */
function failureOf(outcomes: readonly Outcome[]) {
  const [first] = outcomes;
  if (first === undefined) return undefined;
  const message = joinTexts(outcomes.map(messageOf), "\n");
  const trace = joinTexts(outcomes.map(traceOf), "\n\n");
  return {
    init: {
      failure: {
        message: message.text,
        type: attribute(first.attributes, "type"),
        trace: trace.text,
      },
    },
    lost: [...lostPart("failure.message", message), ...lostPart("failure.trace", trace)],
  };
}

function messageOf(outcome: Outcome): KeptText {
  const given = outcome.attributes.get("message");
  if (given !== undefined && given.text.trim() !== "") return given;
  const line = /\S.*/.exec(traceOf(outcome).text)?.[0].trimEnd() ?? "";
  return { text: line, bytes: Buffer.byteLength(line) };
}

function traceOf({ text, stackTrace }: Outcome): KeptText {
  return joinTexts([trimLines(text), trimLines(stackTrace)], "\n");
}

function timesOf(
  attributes: XmlAttributes,
  suiteTimestamp: string,
  warn: (message: string) => void,
): Pick<ResultFacts, "duration" | "startTime"> {
  const time = attribute(attributes, "time");
  const duration = parseSeconds(time);
  if (time !== "" && duration === undefined) {
    warn(`the time ${JSON.stringify(time.slice(0, 80))} is no number of seconds up to ten years`);
  }
  const timestamp = attribute(attributes, "timestamp") || suiteTimestamp;
  const startTime = parseTimestamp(timestamp);
  if (timestamp !== "" && startTime === undefined) {
    warn(`the timestamp ${JSON.stringify(timestamp.slice(0, 80))} is no time since 1970`);
  }
  return {
    ...(duration === undefined ? {} : { duration }),
    ...(startTime === undefined ? {} : { startTime }),
  };
}

function ownFieldsOf(properties: ReadonlyMap<string, string>): Map<string, string> {
  const own = new Map<string, string>();
  for (const [property, value] of properties) {
    const name = ownFieldOf(property);
    if (name !== undefined) own.set(name, value);
  }
  return own;
}

function tagsOf(properties: ReadonlyMap<string, string>, warn: (message: string) => void) {
  const others = [...properties].filter(([name]) => ownFieldOf(name) === undefined);
  const fitting = others.filter(([key]) => Buffer.byteLength(key) <= limits.mapKeyBytes);
  const kept = fitting.slice(0, limits.mapEntries);
  const left = others.length - kept.length;
  if (left > 0) warn(`${left} properties of a test case are too many or have too long a name`);
  return Object.fromEntries(kept);
}

function caseFile({ attributes, suiteFile }: TestCase): string {
  return attribute(attributes, "file") || attribute(attributes, "filepath") || suiteFile;
}

/** Where the test is, or else where it failed. */
function locate(test: TestCase, { failure }: ResultFacts) {
  const holders = [test.attributes, ...(failure ? test.outcomes.map((o) => o.attributes) : [])];
  const holder = holders.find((attributes) => lineOf(attributes) > 0);
  const file = (holder && attribute(holder, "file")) || caseFile(test);
  return { file, line: holder === undefined ? 0 : lineOf(holder) };
}

function lineOf(attributes: XmlAttributes): number {
  const line = Number(attribute(attributes, "line"));
  return Number.isInteger(line) && line > 0 && line < 2 ** 32 ? line : 0;
}

/** The value of an attribute; empty where there is none. */
export function attribute(attributes: XmlAttributes, name: string): string {
  return attributes.get(name)?.text ?? "";
}
