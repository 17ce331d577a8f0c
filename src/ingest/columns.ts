/** From a valid result to its row. Pure; what is too long is cut here and flagged. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type TestResult, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import type { ResultRow } from "../db/results.js";
import { limits } from "../limits.js";
import { cutText, exceeds, repairText } from "../text.js";
import { type ResultIds, sortedEntries } from "./identity.js";
import { toMicros } from "./rules.js";

/** The row of a result. Its id is made by `idOf` if it was sent without one. */
export function toRow(result: TestResult, idOf: ResultIds, testKey: string): ResultRow {
  const attempt = Math.max(1, result.attempt);
  const flags: Flags | null = isPlain(result) ? null : { truncations: [], repairedFields: [] };
  const message = result.failure?.message ?? "";
  return {
    testKey,
    resultId: result.resultId || idOf(attempt, result.repeatIndex),
    status: result.status,
    attempt,
    startUs: result.startTime === undefined ? null : toMicros(result.startTime),
    durationUs: result.duration === undefined ? null : toMicros(result.duration),
    failureMessage: message === "" || flags === null ? null : failureMessage(message, flags),
    details: flags === null ? null : details(result, flags),
  };
}

/** Nothing but what has a column, as most results have. */
function isPlain(result: TestResult): boolean {
  for (const _ in result.tags) return false;
  return (
    result.failure === undefined &&
    result.location === undefined &&
    result.repeatIndex === 0 &&
    result.rawStatus === "" &&
    result.skipReason === "" &&
    result.stdout === "" &&
    result.stderr === "" &&
    result.truncations.length === 0 &&
    result.repairedFields.length === 0
  );
}

interface Flags {
  readonly truncations: { field: string; originalBytes: bigint }[];
  readonly repairedFields: string[];
}

function failureMessage(message: string, flags: Flags): string {
  const whole = cut("failure.message", message, limits.failureMessageBytes, flags);
  const storable = repairText(whole);
  if (storable !== whole) flags.repairedFields.push("failure.message");
  return storable;
}

/** A TestResult of the fields that have no column, in canonical bytes; null when there are none. */
function details(result: TestResult, flags: Flags): Uint8Array | null {
  const { failure, location } = result;
  const init: MessageInitShape<typeof TestResultSchema> = {};
  let any = false;
  const keep = <K extends keyof typeof init>(key: K, value: (typeof init)[K]) => {
    init[key] = value;
    any = true;
  };
  const text = (field: string, value: string, maxBytes: number) =>
    value === "" ? "" : cut(field, value, maxBytes, flags);

  if (result.rawStatus !== "")
    keep("rawStatus", text("raw_status", result.rawStatus, limits.nameBytes));
  if (result.repeatIndex !== 0) keep("repeatIndex", result.repeatIndex);
  if (failure !== undefined) {
    const rest = {
      kind: text("failure.kind", failure.kind, limits.nameBytes),
      type: text("failure.type", failure.type, limits.nameBytes),
      trace: text("failure.trace", failure.trace, limits.traceBytes),
      expected: text("failure.expected", failure.expected, limits.valueBytes),
      actual: text("failure.actual", failure.actual, limits.valueBytes),
    };
    if (Object.values(rest).some((value) => value !== "")) keep("failure", rest);
  }
  if (result.skipReason !== "") {
    keep("skipReason", text("skip_reason", result.skipReason, limits.valueBytes));
  }
  if (location !== undefined && (location.file !== "" || location.line !== 0)) {
    const file = text("location.file", location.file, limits.nameBytes);
    keep("location", { file, line: location.line });
  }
  if (result.stdout !== "") keep("stdout", text("stdout", result.stdout, limits.outputBytes));
  if (result.stderr !== "") keep("stderr", text("stderr", result.stderr, limits.outputBytes));
  const tags = sortedEntries(result.tags);
  if (tags.length > 0) keep("tags", Object.fromEntries(tags));
  const truncations = [
    ...result.truncations.map(({ field, originalBytes }) => ({ field, originalBytes })),
    ...flags.truncations,
  ];
  if (truncations.length > 0) keep("truncations", truncations);
  const repaired = [...result.repairedFields, ...flags.repairedFields];
  if (repaired.length > 0) keep("repairedFields", repaired);
  return any ? toBinary(TestResultSchema, create(TestResultSchema, init)) : null;
}

function cut(field: string, text: string, maxBytes: number, flags: Flags): string {
  if (!exceeds(text, maxBytes)) return text;
  flags.truncations.push({ field, originalBytes: BigInt(Buffer.byteLength(text)) });
  return cutText(text, maxBytes);
}
