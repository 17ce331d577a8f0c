/**
 * Counts the results, the events, the values in their Structs and the entries of a replay or dismissal before a message
 * is decoded: 4 MiB of empty ones would decode to hundreds of MiB and stop the event loop for seconds.
 */
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import {
  IngestEventRequestSchema,
  IngestEventsRequestSchema,
} from "../../gen/tally/v1/event_service_pb.js";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import {
  DismissRejectionsRequestSchema,
  ReplayRejectionsRequestSchema,
} from "../../gen/tally/v1/rejection_service_pb.js";
import {
  checkEntryCount,
  checkEventCount,
  checkResultCount,
  checkValueCount,
} from "./check-count.js";

/** What is counted of a message. */
interface Count {
  /** Names of the fields that lead to it. */
  readonly names: readonly string[];
  readonly shape: Shape;
  /** Of its JSON, at the end of the names. */
  readonly ofJson: (json: JsonValue | undefined) => number;
  readonly check: (field: string, count: number) => void;
}

/** A message, by the numbers of the fields that lead to what is counted. */
interface Shape {
  readonly isCounted?: boolean;
  readonly fields: { readonly [number: number]: Shape };
}

const ITEM: Shape = { isCounted: true, fields: {} };
const VALUE: Shape & { fields: Record<number, Shape> } = { isCounted: true, fields: {} };
const STRUCT: Shape = { fields: { 1: { fields: { 2: VALUE } } } };
Object.assign(VALUE.fields, { 5: STRUCT, 6: { fields: { 1: VALUE } } });
const EVENT: Shape = { fields: { 2: STRUCT } };

const elements = (json: JsonValue | undefined) => (Array.isArray(json) ? json.length : 0);
const BATCH_OF_RESULTS: Count = {
  names: ["batch", "results"],
  shape: { fields: { 2: { fields: { 2: ITEM } } } },
  ofJson: elements,
  check: checkResultCount,
};
const COUNTS: ReadonlyMap<DescMessage, readonly Count[]> = new Map<DescMessage, readonly Count[]>([
  [
    IngestRunRequestSchema,
    [
      {
        names: ["results"],
        shape: { fields: { 4: ITEM } },
        ofJson: elements,
        check: checkResultCount,
      },
    ],
  ],
  [UploadResultsRequestSchema, [BATCH_OF_RESULTS]],
  [PublishResultsRequestSchema, [BATCH_OF_RESULTS]],
  [
    ReplayRejectionsRequestSchema,
    [
      {
        names: ["entries"],
        shape: { fields: { 2: ITEM } },
        ofJson: elements,
        check: checkEntryCount,
      },
    ],
  ],
  [
    DismissRejectionsRequestSchema,
    [
      {
        names: ["rejection_ids"],
        shape: { fields: { 2: ITEM } },
        // Texts are decoded from JSON as fast as it is parsed: the handler counts them.
        ofJson: () => 0,
        check: checkEntryCount,
      },
    ],
  ],
  [
    IngestEventRequestSchema,
    [
      {
        names: ["event", "fields"],
        shape: { fields: { 2: EVENT } },
        ofJson: (json) => countValues(json, 1),
        check: checkValueCount,
      },
    ],
  ],
  [
    IngestEventsRequestSchema,
    [
      {
        names: ["batch", "events"],
        shape: { fields: { 2: { fields: { 1: ITEM } } } },
        ofJson: elements,
        check: checkEventCount,
      },
      {
        names: ["batch", "events"],
        shape: { fields: { 2: { fields: { 1: EVENT } } } },
        ofJson: (json) => (Array.isArray(json) ? json.reduce(addValues, 0) : 0),
        check: checkValueCount,
      },
    ],
  ],
]);

/** Throws INVALID_ARGUMENT if binary protobuf holds more than a message may. */
export function checkBinaryCount(desc: DescMessage, bytes: Uint8Array): void {
  for (const { names, shape, check } of COUNTS.get(desc) ?? []) {
    check(names.join("."), countFields(bytes, 0, bytes.length, shape, 1));
  }
}

/** Throws INVALID_ARGUMENT if JSON holds more than a message may. */
export function checkJsonCount(desc: DescMessage, text: string): void {
  const counts = COUNTS.get(desc);
  if (counts === undefined) return;
  const whole = parse(text);
  for (const { names, ofJson, check } of counts) {
    let json = whole;
    for (const name of names) json = isObject(json) ? json[name] : undefined;
    check(names.join("."), ofJson(json));
  }
}

/** Undefined for what is no JSON: the decoder says what is wrong. */
function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function addValues(count: number, event: JsonValue): number {
  return count + (isObject(event) ? countValues(event["fields"], 1) : 0);
}

/** Values within a value. What is deeper than decoders go is left to them. */
function countValues(json: JsonValue | undefined, depth: number): number {
  if (typeof json !== "object" || json === null || depth > DEEPEST) return 0;
  let count = 0;
  for (const value of Object.values(json)) count += 1 + countValues(value, depth + 1);
  return count;
}

/**
 * How many messages that count stand between two bytes, where a message of this shape is. What is no protobuf is counted
 * as if it were, and what is deeper than decoders go is not: they refuse both.
 */
function countFields(
  bytes: Uint8Array,
  from: number,
  to: number,
  { fields }: Shape,
  depth: number,
): number {
  let at = from;
  const varint = () => {
    let value = 0;
    for (let factor = 1; at < to; factor *= 0x80) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    return value;
  };
  let count = 0;
  while (at < to && depth <= DEEPEST) {
    const tag = varint();
    const wireType = tag % 8;
    if (wireType === LENGTH_DELIMITED) {
      const length = varint();
      const inner = fields[Math.floor(tag / 8)];
      if (inner?.isCounted === true) count++;
      if (inner !== undefined && inner !== ITEM) {
        count += countFields(bytes, at, Math.min(to, at + length), inner, depth + 1);
      }
      at += length;
    } else if (wireType === VARINT) varint();
    else if (wireType === FIXED_64) at += 8;
    else if (wireType === FIXED_32) at += 4;
  }
  return count;
}

function isObject(json: JsonValue | undefined): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Messages within each other: twice as many as decoders read. */
const DEEPEST = 200;
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;
