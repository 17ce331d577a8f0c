/** Values of options, checked as the command line is read. */
import { create } from "@bufbuild/protobuf";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  timestampFromMs,
} from "@bufbuild/protobuf/wkt";
import { InvalidArgumentError, Option } from "commander";
import { EventState } from "../../gen/tally/v1/event_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Verdict } from "../../gen/tally/v1/stats_pb.js";
import { TestSort, TimeUnit } from "../../gen/tally/v1/stats_service_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";

/** `passed` and so on, without regard to case. */
export function statusArgument(text: string): Status {
  return oneOf(RUN_STATUSES, text);
}

/** `ingest,read` and so on. */
export function scopesArgument(text: string): Scope[] {
  return text.split(",").map((name) => oneOf(SCOPES, name.trim()));
}

/** `queued` or `processed`. */
export function eventStateArgument(text: string): EventState {
  return oneOf(EVENT_STATES, text);
}

/** `failures`, `p95` and so on. */
export function testSortArgument(text: string): TestSort {
  return oneOf(TEST_SORTS, text);
}

/** `hour`, `day` or `week`. */
export function timeUnitArgument(text: string): TimeUnit {
  return oneOf(TIME_UNITS, text);
}

/** `flaky,broken` and so on. */
export function verdictsArgument(text: string): Verdict[] {
  return text.split(",").map((name) => oneOf(VERDICTS, name.trim()));
}

/** Days of a window of figures. */
export function windowArgument(text: string): number {
  return numberOf(text, /^(?:1|7|30|90)$/, "Give 1, 7, 30 or 90.");
}

/** ISO 8601 with a time zone, or what else has one meaning everywhere. */
export function timeArgument(text: string): Timestamp {
  const ms = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/i.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError("Give a time as 2026-01-12T10:00:00Z.");
  return timestampFromMs(ms);
}

/** Whole or broken milliseconds. */
export function durationArgument(text: string): Duration {
  const ms = numberOf(text, /^\d+(\.\d+)?$/, "Give milliseconds, 0 or more.");
  return create(DurationSchema, {
    seconds: BigInt(Math.floor(ms / 1000)),
    nanos: Math.floor((ms % 1000) * 1e6),
  });
}

/** A whole number from 1. */
export function countArgument(text: string): number {
  return numberOf(text, /^[1-9]\d{0,8}$/, "Give a whole number from 1.");
}

/** `--patience`, in seconds; a silent server is waited for as long as for the answer of any other call. */
export function patienceOption(): Option {
  return new Option("--patience <seconds>", "how long a silent server is waited for")
    .argParser(countArgument)
    .default(30);
}

/** `2/5`: the second of five. */
export function shardArgument(text: string): { shardIndex: number; shardTotal: number } {
  const [index = "", total = "", ...more] = text.split("/");
  const shard = { shardIndex: countArgument(index), shardTotal: countArgument(total) };
  if (more.length > 0 || shard.shardIndex > shard.shardTotal) {
    throw new InvalidArgumentError("Give a shard as 1/4 to 4/4.");
  }
  return shard;
}

/** `key=value`, gathered over all uses of the option. */
export function pairArgument(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Give key=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function oneOf<T>(known: ReadonlyMap<string, T>, text: string): T {
  const value = known.get(text.toLowerCase());
  if (value === undefined) {
    throw new InvalidArgumentError(`Give one of ${[...known.keys()].join(", ")}.`);
  }
  return value;
}

function numberOf(text: string, pattern: RegExp, hint: string): number {
  if (!pattern.test(text)) throw new InvalidArgumentError(hint);
  return Number(text);
}

const RUN_STATUSES: ReadonlyMap<string, Status> = new Map([
  ["passed", Status.PASSED],
  ["failed", Status.FAILED],
  ["errored", Status.ERRORED],
  ["skipped", Status.SKIPPED],
]);
const EVENT_STATES: ReadonlyMap<string, EventState> = new Map([
  ["queued", EventState.QUEUED],
  ["processed", EventState.PROCESSED],
]);
const SCOPES: ReadonlyMap<string, Scope> = new Map([
  ["ingest", Scope.INGEST],
  ["read", Scope.READ],
  ["manage", Scope.MANAGE],
]);
const TEST_SORTS: ReadonlyMap<string, TestSort> = new Map([
  ["failures", TestSort.FAILURES],
  ["failure-rate", TestSort.FAILURE_RATE],
  ["flake-rate", TestSort.FLAKE_RATE],
  ["p95", TestSort.P95_DURATION],
  ["total-time", TestSort.TOTAL_TIME],
  ["last-seen", TestSort.LAST_SEEN],
]);
const TIME_UNITS: ReadonlyMap<string, TimeUnit> = new Map([
  ["hour", TimeUnit.HOUR],
  ["day", TimeUnit.DAY],
  ["week", TimeUnit.WEEK],
]);
const VERDICTS: ReadonlyMap<string, Verdict> = new Map([
  ["flaky", Verdict.FLAKY],
  ["recovered", Verdict.RECOVERED],
  ["broken", Verdict.BROKEN],
]);
