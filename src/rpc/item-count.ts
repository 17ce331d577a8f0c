/**
 * Counts the results or events of a message before it is decoded: 4 MiB of empty ones would decode to hundreds of
 * MiB and stop the event loop for seconds.
 */
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { IngestEventsRequestSchema } from "../../gen/tally/v1/event_service_pb.js";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { checkEventCount, checkResultCount } from "./check-count.js";

/** Where a message has its list, and what bounds it. */
interface ListOf {
  /** Names and numbers of the fields that lead to it. */
  readonly names: readonly string[];
  readonly field: number;
  /** The field within the first, where the list is in a frame. */
  readonly inner?: number;
  readonly check: (field: string, count: number) => void;
}

const BATCH_OF_RESULTS: ListOf = {
  names: ["batch", "results"],
  field: 2,
  inner: 2,
  check: checkResultCount,
};
const LISTS: ReadonlyMap<DescMessage, ListOf> = new Map<DescMessage, ListOf>([
  [IngestRunRequestSchema, { names: ["results"], field: 4, check: checkResultCount }],
  [UploadResultsRequestSchema, BATCH_OF_RESULTS],
  [PublishResultsRequestSchema, BATCH_OF_RESULTS],
  [
    IngestEventsRequestSchema,
    { names: ["batch", "events"], field: 2, inner: 1, check: checkEventCount },
  ],
]);

/** Throws INVALID_ARGUMENT if binary protobuf holds more than a message may. */
export function checkBinaryCount(desc: DescMessage, bytes: Uint8Array): void {
  const list = LISTS.get(desc);
  if (list === undefined) return;
  list.check(list.names.join("."), countFields(bytes, 0, bytes.length, list.field, list.inner));
}

/** Throws INVALID_ARGUMENT if JSON holds more than a message may. */
export function checkJsonCount(desc: DescMessage, text: string): void {
  const list = LISTS.get(desc);
  if (list === undefined) return;
  let json = parse(text);
  for (const name of list.names) json = isObject(json) ? json[name] : undefined;
  list.check(list.names.join("."), Array.isArray(json) ? json.length : 0);
}

/** Undefined for what is no JSON: the decoder says what is wrong. */
function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/**
 * How often the field stands between two bytes; with `inner`, how often that one stands inside it. What is no
 * protobuf is counted as if it were: the decoder refuses it.
 */
function countFields(
  bytes: Uint8Array,
  from: number,
  to: number,
  field: number,
  inner?: number,
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
  while (at < to) {
    const tag = varint();
    const isField = Math.floor(tag / 8) === field;
    const wireType = tag % 8;
    if (wireType === LENGTH_DELIMITED) {
      const length = varint();
      if (isField && inner !== undefined) {
        count += countFields(bytes, at, Math.min(to, at + length), inner);
      } else if (isField) count++;
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

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;
