/** The results that a test of a CTRF report stands for. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import { wellFormedResult } from "../client/fit-result.js";
import { limits } from "../limits.js";
import type { Attempts } from "./attempts.js";
import { type ResultFacts, sharedFields, withOwnFields } from "./own-fields.js";
import type { ReportResult } from "./report-item.js";
import { millisecondsTimestamp, toDuration } from "./values.js";

type Json = Readonly<Record<string, unknown>>;

/**
 * The results of a test in the order of its tries. `retryAttempts` lists the tries before the last, and in
 * most writers the last one too, which is then the test itself. Where only `retries` is given, the earlier
 * tries are counted but not known.
 */
export function testResults(
  test: Json,
  line: number,
  attempts: Attempts,
  scope: number,
  warn: (message: string) => void,
): ReportResult[] {
  const identity = identify(test);
  if (identity.name === "") warn("a test has no name");
  const retries = toCount(test["retries"], limits.attempts);
  const listed = Array.isArray(test["retryAttempts"]) ? test["retryAttempts"].filter(isJson) : [];
  const last = listed.at(-1);
  const includesItself =
    last !== undefined &&
    (retries > 0 ? listed.length > retries : last["status"] === test["status"]);
  const earlier = includesItself ? listed.slice(0, -1) : listed;
  const skipped = Math.max(0, retries - earlier.length);
  const sources = [...earlier, test];
  const shared = sharedFields(ownFieldsOf(test));
  const results = sources.map((source) => {
    const facts = {
      test: { ...identity },
      location: { file: identity.file, line: toCount(test["line"], MAX_LINE) },
      tags: tagsOf(test, warn),
      ...describe(source, warn),
    };
    const fields = new Map([...shared, ...ownFieldsOf(source)]);
    return wellFormedResult(withOwnFields(facts, fields), { decoded: true });
  });
  attempts.number(results, scope, skipped);
  return results.map((result, index) => ({
    kind: "result",
    line,
    retry: index < earlier.length,
    result,
  }));
}

function identify(test: Json) {
  const suite = test["suite"];
  const browser = toText(test["browser"]);
  const device = toText(test["device"]);
  return {
    suite: Array.isArray(suite) ? suite.map(toText).join(" > ") : toText(suite),
    file: toText(test["filePath"]),
    name: toText(test["name"]),
    parameters: canonicalParameters(test["parameters"]) ?? "",
    variant: { ...(browser && { browser }), ...(device && { device }) },
  };
}

function describe(source: Json, warn: (message: string) => void): ResultFacts {
  const word = toText(source["status"]);
  const status = STATUSES.get(word) ?? Status.UNSPECIFIED;
  const duration = toDuration(Number(source["duration"]) / 1000);
  if (duration === undefined && source["duration"] !== undefined) {
    warn("the duration is no number of milliseconds up to ten years");
  }
  const startTime = isNumber(source["start"])
    ? millisecondsTimestamp(Number(source["start"]))
    : undefined;
  const message = toText(source["message"]);
  const trace = toText(source["trace"]);
  const failed = status === Status.FAILED || status === Status.ERRORED;
  return {
    status,
    rawStatus: toText(source["rawStatus"]) || word,
    ...(duration === undefined ? {} : { duration }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(failed ? { failure: { message, trace } } : {}),
    skipReason: status === Status.SKIPPED ? message : "",
    stdout: toLines(source["stdout"]),
    stderr: toLines(source["stderr"]),
  };
}

/** `labels` with their values, and the keyless `tags` with an empty one. */
function tagsOf(test: Json, warn: (message: string) => void): Record<string, string> {
  const keyless = Array.isArray(test["tags"]) ? test["tags"].map(toText) : [];
  const labels = isJson(test["labels"]) ? Object.entries(test["labels"]) : [];
  const all = new Map([
    ...keyless.map((tag): [string, string] => [tag, ""]),
    ...labels.map(([key, value]): [string, string] => [key, labelText(value)]),
  ]);
  const fitting = [...all].filter(([k]) => k !== "" && Buffer.byteLength(k) <= limits.mapKeyBytes);
  const kept = fitting.slice(0, limits.mapEntries);
  if (kept.length < all.size) warn(`${all.size - kept.length} tags are too many or too long`);
  return Object.fromEntries(kept);
}

function labelText(value: unknown): string {
  return Array.isArray(value) ? value.map(toText).join(",") : toText(value);
}

function toText(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function toLines(value: unknown): string {
  return Array.isArray(value) ? value.map(toText).join("\n") : toText(value);
}

/** A whole number from 0 to the largest; 0 for anything else. */
function toCount(value: unknown, max: number): number {
  return typeof value === "number" && Number.isInteger(value) && value > 0
    ? Math.min(value, max)
    : 0;
}

/** JSON with the keys of the object in order, so that equal parameters are equal texts; undefined for no object. */
export function canonicalParameters(value: unknown): string | undefined {
  if (!isJson(value)) return undefined;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(entries));
}

function ownFieldsOf(source: Json): Map<string, string> {
  const extra = source["extra"];
  const own = isJson(extra) ? extra["tally"] : undefined;
  const entries = isJson(own) ? Object.entries(own) : [];
  return new Map(entries.map(([name, value]) => [name, toText(value)]));
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && value.trim() !== "");
}

const MAX_LINE = 2 ** 32 - 1;
const STATUSES: ReadonlyMap<string, Status> = new Map([
  ["passed", Status.PASSED],
  ["failed", Status.FAILED],
  ["skipped", Status.SKIPPED],
  ["pending", Status.SKIPPED],
  // Neither passed nor failed nor left out: it could not be judged.
  ["other", Status.ERRORED],
]);
