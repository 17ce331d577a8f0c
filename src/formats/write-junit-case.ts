/** A result as a `<testcase>`. */
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import type { Losses } from "./losses.js";
import { isSharedField, OWN_PREFIX, ownFieldOf, ownFields } from "./own-fields.js";
import { secondsText, statusOfWord, timestampText } from "./values.js";
import { fitsXml, xmlAttribute, xmlText } from "./xml-text.js";

/** The case, with the tries that come before and after it as elements inside of it. */
export function caseText(
  result: TestResult,
  before: readonly TestResult[],
  after: readonly TestResult[],
  losses: Losses,
): string {
  for (const each of [...before, result, ...after]) addXmlLosses(each, losses);
  const { test, location } = result;
  const elsewhere = failedElsewhere(result);
  const own = ownFields(result, (name) => isPlaced(name, elsewhere));
  // A word that says of itself how a test ended would be believed.
  const isWord = result.status === Status.PASSED && statusOfWord(result.rawStatus) !== undefined;
  if (isWord) own.set("raw_status", result.rawStatus);
  const attributes = [
    xmlAttribute("classname", test?.suite ?? ""),
    xmlAttribute("name", test?.name ?? ""),
    xmlAttribute("file", test?.file ?? ""),
    xmlAttribute("line", elsewhere || !location?.line ? "" : String(location.line)),
    timeAttributes(result),
    xmlAttribute("status", isWord ? "" : result.rawStatus),
  ].join("");
  const content = [
    propertiesText(result, own, losses),
    ...before.map(retryText),
    outcomeText(result, elsewhere),
    ...after.map(retryText),
    outputText(result),
  ].join("");
  return content === ""
    ? `<testcase${attributes}/>\n`
    : `<testcase${attributes}>\n${content}</testcase>\n`;
}

/**
 * Whether a try, which was read from an element for retries, says nothing that such an element of the result's case
 * would not.
 */
export function isRetryOf(retry: TestResult, { location }: TestResult): boolean {
  const { rawStatus, status, skipReason, tags } = retry;
  return (
    RETRIES.get(rawStatus) === status &&
    skipReason === "" &&
    Object.keys(tags).length === 0 &&
    (retry.location?.file ?? "") === (location?.file ?? "") &&
    (retry.location?.line ?? 0) === (location?.line ?? 0) &&
    [...ownFields(retry, (name) => isPlaced(name, true)).keys()].every(isSharedField)
  );
}

function isPlaced(name: string, elsewhere: boolean): boolean {
  return name === "failure.type" || (elsewhere && name === "location.file");
}

/** The line is where it failed, in another file than the test's. */
function failedElsewhere({ status, test, location }: TestResult): boolean {
  if (status !== Status.FAILED && status !== Status.ERRORED) return false;
  return (
    location !== undefined &&
    location.line > 0 &&
    location.file !== (test?.file ?? "") &&
    location.file !== ""
  );
}

function timeAttributes({ duration, startTime }: TestResult): string {
  return (
    xmlAttribute("time", secondsText(duration)) +
    xmlAttribute("timestamp", timestampText(startTime))
  );
}

function propertiesText(
  { tags }: TestResult,
  own: ReadonlyMap<string, string>,
  losses: Losses,
): string {
  const properties = [...own].map(([name, value]) => propertyText(OWN_PREFIX + name, value));
  for (const [name, value] of Object.entries(tags)) {
    if (name === "" || ownFieldOf(name) !== undefined) losses.add("tags whose names are reserved");
    else properties.push(propertyText(name, value));
  }
  return properties.length === 0 ? "" : `<properties>${properties.join("")}</properties>\n`;
}

/** An empty value is written too: without one the property's value would be its content. */
function propertyText(name: string, value: string): string {
  return `<property${xmlAttribute("name", name)}${xmlAttribute("value", value) || ' value=""'}/>`;
}

function outcomeText(result: TestResult, elsewhere: boolean): string {
  const { status, failure, skipReason, location } = result;
  switch (status) {
    case Status.FAILED:
    case Status.ERRORED: {
      const name = status === Status.FAILED ? "failure" : "error";
      const place = elsewhere
        ? xmlAttribute("file", location?.file ?? "") + xmlAttribute("line", String(location?.line))
        : "";
      const attributes = failureAttributes(result) + place;
      const trace = failure?.trace ?? "";
      return trace === ""
        ? `<${name}${attributes}/>\n`
        : `<${name}${attributes}>${xmlText(trace)}</${name}>\n`;
    }
    case Status.SKIPPED:
    case Status.PRECLUDED:
      return `<skipped${xmlAttribute("message", skipReason)}/>\n`;
    default:
      return "";
  }
}

function retryText(result: TestResult): string {
  const trace = result.failure?.trace ?? "";
  const content = [
    trace === "" ? "" : `<stackTrace>${xmlText(trace)}</stackTrace>`,
    outputText(result),
  ].join("");
  const { rawStatus } = result;
  return `<${rawStatus}${failureAttributes(result)}${timeAttributes(result)}>${content}</${rawStatus}>\n`;
}

function failureAttributes({ failure }: TestResult): string {
  return (
    xmlAttribute("message", failure?.message ?? "") + xmlAttribute("type", failure?.type ?? "")
  );
}

function outputText({ stdout, stderr }: TestResult): string {
  const out = stdout === "" ? "" : `<system-out>${xmlText(stdout)}</system-out>\n`;
  const err = stderr === "" ? "" : `<system-err>${xmlText(stderr)}</system-err>\n`;
  return out + err;
}

function addXmlLosses(result: TestResult, losses: Losses): void {
  const { test, failure, tags } = result;
  const texts = [
    ...[test?.suite, test?.file, test?.name, test?.parameters, result.rawStatus, result.skipReason],
    ...[failure?.kind, failure?.message, failure?.type, failure?.trace],
    ...[failure?.expected, failure?.actual, result.location?.file, result.stdout, result.stderr],
    ...Object.entries(test?.variant ?? {}).flat(),
    ...Object.entries(tags).flat(),
  ];
  if (!texts.every((text) => text === undefined || fitsXml(text))) {
    losses.add("characters that XML has not, now U+FFFD");
  }
  const trace = failure?.trace ?? "";
  if (trace.trimEnd() !== trace || /^[^\S\n]*\n/.test(trace)) {
    losses.add("blanks around stack traces");
  }
}

/** How a try ended that each of Surefire's elements tells. */
const RETRIES: ReadonlyMap<string, Status> = new Map([
  ["flakyFailure", Status.FAILED],
  ["flakyError", Status.ERRORED],
  ["rerunFailure", Status.FAILED],
  ["rerunError", Status.ERRORED],
]);
