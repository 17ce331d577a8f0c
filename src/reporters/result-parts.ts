/** Parts of results as frameworks give them: errors, times, output. */
import { stripVTControlCharacters } from "node:util";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { FailureSchema } from "../../gen/tally/v1/run_pb.js";

/** An error as frameworks pass it on; nothing of it can be relied on. */
export interface ErrorLike {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly stack?: unknown;
  readonly expected?: unknown;
  readonly actual?: unknown;
}

/** Why a test failed, without colours. Several errors become one text; expected and actual are those of the first. */
export function failureOf(errors: readonly ErrorLike[]): MessageInitShape<typeof FailureSchema> {
  const [first] = errors;
  return {
    type: plain(first?.name),
    message: errors.map(({ message }) => plain(message)).join("\n\n"),
    trace: errors.map(({ stack }) => plain(stack)).join("\n\n"),
    expected: plain(first?.expected),
    actual: plain(first?.actual),
  };
}

/** A text without escape sequences of terminals; empty for what is no text. */
export function plain(text: unknown): string {
  return typeof text === "string" ? stripVTControlCharacters(text) : "";
}

/** A duration, from milliseconds; none of what is none. */
export function durationOf(
  milliseconds: number | undefined,
): MessageInitShape<typeof DurationSchema> | undefined {
  return secondsAndNanos(milliseconds);
}

/** A time, from milliseconds since the epoch. */
export function timeOf(
  milliseconds: number | undefined,
): MessageInitShape<typeof TimestampSchema> | undefined {
  return secondsAndNanos(milliseconds);
}

/** To the microsecond, which is what is kept. */
function secondsAndNanos(milliseconds = Number.NaN) {
  if (!(milliseconds >= 0 && milliseconds < Number.MAX_SAFE_INTEGER / 1000)) return undefined;
  const micros = Math.round(milliseconds * 1000);
  return { seconds: BigInt(Math.floor(micros / 1e6)), nanos: (micros % 1e6) * 1000 };
}
