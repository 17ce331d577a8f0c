/** Values as report writers put them down, in all their dialects. */
import { create, toJson } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { limits } from "../limits.js";

/**
 * Seconds: `1.5`, `0.`, `1e-05`, `1,234.5` (thousands) and `0,5` (a decimal comma: a single comma is always
 * one). Undefined for what is no number, negative, or over ten years, which the server does not take.
 */
export function parseSeconds(text: string): Duration | undefined {
  const trimmed = text.trim();
  const commas = trimmed.split(",").length - 1;
  const number =
    commas === 1 && !trimmed.includes(".")
      ? trimmed.replace(",", ".")
      : trimmed.replaceAll(",", "");
  return /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(number)
    ? toDuration(Number(number))
    : undefined;
}

/** A duration of so many seconds, to the nanosecond; undefined if it is not within 0 to ten years. */
export function toDuration(seconds: number): Duration | undefined {
  if (!(seconds >= 0 && seconds <= limits.durationSeconds)) return undefined;
  const nanos = Math.round((seconds % 1) * 1e9);
  return create(DurationSchema, {
    seconds: BigInt(Math.floor(seconds)) + (nanos === 1e9 ? 1n : 0n),
    nanos: nanos % 1e9,
  });
}

/**
 * ISO 8601 with a `T` or a blank, to the nanosecond. Without a zone it is UTC: the writer's zone is not known.
 * Undefined for anything else and outside the years 1970 to 2199, which the server does not take.
 */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = ISO_8601.exec(text.trim());
  if (match === null) return undefined;
  const [, date = "", time = "", fraction = "", zone = "Z"] = match;
  const offset = /^[+-]\d\d$/.test(zone)
    ? `${zone}:00`
    : zone.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
  const ms = Date.parse(`${date}T${time}${offset}`);
  if (!(ms >= 0 && ms < YEAR_2200_MS)) return undefined;
  return create(TimestampSchema, {
    seconds: BigInt(Math.floor(ms / 1000)),
    nanos: Number(fraction.slice(0, 9).padEnd(9, "0")),
  });
}

/** A time in milliseconds since the epoch; undefined outside the years 1970 to 2199. */
export function millisecondsTimestamp(ms: number): Timestamp | undefined {
  if (!(ms >= 0 && ms < YEAR_2200_MS)) return undefined;
  return create(TimestampSchema, {
    seconds: BigInt(Math.floor(ms / 1000)),
    nanos: Math.floor(ms % 1000) * 1_000_000,
  });
}

/** A duration as decimal seconds; empty for none. */
export function secondsText(duration: Duration | undefined): string {
  if (duration === undefined) return "";
  const fraction = String(duration.nanos).padStart(9, "0").replace(/0+$/, "");
  return fraction === "" ? String(duration.seconds) : `${duration.seconds}.${fraction}`;
}

/** A time in ISO 8601, UTC; empty for none. */
export function timestampText(time: Timestamp | undefined): string {
  return time === undefined ? "" : String(toJson(TimestampSchema, time));
}

/** What a word for a status means, where it says more than that the test ran; undefined otherwise. */
export function statusOfWord(word: string): Status | undefined {
  return STATUS_WORDS.get(word.trim().toLowerCase());
}

const ISO_8601 =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i;
const YEAR_2200_MS = Date.UTC(2200, 0);
/** GoogleTest, Boost.Test, Unity and others name what did not run or did not pass in an attribute alone. */
const STATUS_WORDS = new Map([
  ["disabled", Status.SKIPPED],
  ["notrun", Status.SKIPPED],
  ["skipped", Status.SKIPPED],
  ["ignored", Status.SKIPPED],
  ["suppressed", Status.SKIPPED],
  ["pending", Status.SKIPPED],
  ["fail", Status.FAILED],
  ["failed", Status.FAILED],
  ["failure", Status.FAILED],
  ["error", Status.ERRORED],
  ["errored", Status.ERRORED],
]);
