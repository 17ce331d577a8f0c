/** Makes any result storable: texts within their limits and valid, with a flag for all that was changed. */
import { create } from "@bufbuild/protobuf";
import { type Test, type TestResult, TruncationSchema } from "../../gen/tally/v1/run_pb.js";
import { limits } from "../limits.js";
import { cutText, repairText } from "../text.js";
import { createResult, type TestResultInit } from "./create-result.js";
import { cutIdentity } from "./cut-identity.js";

export type { TestResultInit };

export interface FitOptions {
  /** The texts come from a decoder that replaces what it cannot read: each U+FFFD is flagged too. */
  readonly decoded?: boolean;
}

/**
 * The result with every text within its limit and valid Unicode. A text that is only displayed is cut and
 * listed in `truncations`; a part of the test's identity is cut to a prefix and a hash, so that different
 * tests stay different; what was no valid Unicode is replaced and listed in `repaired_fields`. Fields with
 * rules of another kind (numbers, times, names of tags) stay as they are: the server judges them. A message is
 * changed in place; a plain object stays as it is.
 */
export function wellFormedResult(init: TestResultInit, options: FitOptions = {}): TestResult {
  const result = createResult(init);
  const flags = createFlags(result, options);
  const { failure, location } = result;
  result.resultId = flags.repair("result_id", result.resultId);
  if (result.test !== undefined) fitTest(result.test, flags);
  result.rawStatus = flags.bound("raw_status", result.rawStatus, limits.nameBytes);
  result.skipReason = flags.bound("skip_reason", result.skipReason, limits.valueBytes);
  result.stdout = flags.bound("stdout", result.stdout, limits.outputBytes);
  result.stderr = flags.bound("stderr", result.stderr, limits.outputBytes);
  if (failure !== undefined) {
    failure.kind = flags.bound("failure.kind", failure.kind, limits.nameBytes);
    failure.message = flags.bound("failure.message", failure.message, limits.failureMessageBytes);
    failure.type = flags.bound("failure.type", failure.type, limits.nameBytes);
    failure.trace = flags.bound("failure.trace", failure.trace, limits.traceBytes);
    failure.expected = flags.bound("failure.expected", failure.expected, limits.valueBytes);
    failure.actual = flags.bound("failure.actual", failure.actual, limits.valueBytes);
  }
  if (location !== undefined) {
    location.file = flags.bound("location.file", location.file, limits.nameBytes);
  }
  result.tags = mapEntries(result.tags, flags, "tags", (field, value) =>
    flags.bound(field, value, limits.mapValueBytes),
  );
  return result;
}

function fitTest(test: Test, flags: Flags): void {
  test.suite = flags.identify("test.suite", test.suite, limits.nameBytes);
  test.file = flags.identify("test.file", test.file, limits.nameBytes);
  test.name = flags.identify("test.name", test.name, limits.nameBytes);
  test.parameters = flags.identify("test.parameters", test.parameters, limits.nameBytes);
  test.variant = mapEntries(test.variant, flags, "test.variant", (field, value) =>
    flags.identify(field, value, limits.mapValueBytes),
  );
}

interface Flags {
  /** The text, valid. */
  repair(field: string, text: string): string;
  /** The text, valid and cut. */
  bound(field: string, text: string, maxBytes: number): string;
  /** The text, valid and cut, different from every other text. */
  identify(field: string, text: string, maxBytes: number): string;
}

/** Writes into the result's lists, which hold up to 64 entries each. Fields listed before stay. */
function createFlags(result: TestResult, options: FitOptions): Flags {
  function repair(field: string, text: string): string {
    const repaired = repairText(text);
    const changed = repaired !== text || (options.decoded === true && text.includes("\ufffd"));
    const { repairedFields } = result;
    if (changed && repairedFields.length < limits.mapEntries && !repairedFields.includes(field)) {
      repairedFields.push(field);
    }
    return repaired;
  }
  function cut(field: string, text: string, maxBytes: number, cutTo: typeof cutText): string {
    if (text === "") return text;
    const whole = repair(field, text);
    const fitting = cutTo(whole, maxBytes);
    if (fitting === whole) return whole;
    const { truncations } = result;
    const known = truncations.some((truncation) => truncation.field === field);
    if (!known && truncations.length < limits.mapEntries) {
      const originalBytes = BigInt(Buffer.byteLength(whole));
      truncations.push(create(TruncationSchema, { field, originalBytes }));
    }
    return fitting;
  }
  return {
    repair,
    bound: (field, text, maxBytes) => cut(field, text, maxBytes, cutText),
    identify: (field, text, maxBytes) => cut(field, text, maxBytes, cutIdentity),
  };
}

function mapEntries(
  map: Record<string, string>,
  flags: Flags,
  field: string,
  change: (field: string, value: string) => string,
): Record<string, string> {
  const given = Object.entries(map);
  if (given.length === 0) return map;
  const entries = given.map(([key, value]) => {
    const path = `${field}[${JSON.stringify(repairText(key))}]`;
    return [flags.repair(path, key), change(path, value)];
  });
  return Object.fromEntries(entries);
}
