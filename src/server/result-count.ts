/**
 * Counts the results of a message before it is decoded: 4 MiB of empty ones would decode to hundreds of MiB and
 * stop the event loop for seconds.
 */
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { checkResultCount } from "../rpc/ingest/check-result-count.js";

/** Throws INVALID_ARGUMENT if binary protobuf holds more results than a message may. */
export function checkBinaryResults(desc: DescMessage, bytes: Uint8Array): void {
  if (desc === IngestRunRequestSchema) {
    checkResultCount("results", countFields(bytes, 0, bytes.length, RUN_RESULTS));
  } else if (FRAMES.has(desc)) {
    checkResultCount("batch.results", countFields(bytes, 0, bytes.length, BATCH, BATCH_RESULTS));
  }
}

/** Throws INVALID_ARGUMENT if JSON holds more results than a message may. */
export function checkJsonResults(desc: DescMessage, text: string): void {
  if (desc === IngestRunRequestSchema) {
    checkResultCount("results", lengthAt(parse(text), "results"));
  } else if (FRAMES.has(desc)) {
    const json = parse(text);
    const batch = isObject(json) ? json["batch"] : undefined;
    checkResultCount("batch.results", lengthAt(batch, "results"));
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

function lengthAt(json: JsonValue | undefined, key: string): number {
  const list = isObject(json) ? json[key] : undefined;
  return Array.isArray(list) ? list.length : 0;
}

function isObject(json: JsonValue | undefined): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

const RUN_RESULTS = 4;
const BATCH = 2;
const BATCH_RESULTS = 2;
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** The requests of both streams. */
const FRAMES: ReadonlySet<DescMessage> = new Set<DescMessage>([
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
]);
