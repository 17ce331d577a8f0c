/**
 * Reads what carries nearly all bytes of an upload: results, in batches and in unary requests. Written out by hand it takes
 * 1 to 2 µs a result, where protobuf-es, which looks every field up, takes 9 to 16 (2 cores, Node 20).
 * Whatever an encoder would not normally write is left to protobuf-es, which so decides alone what is merged,
 * skipped or an error.
 */
import type { UploadBatch } from "../../gen/tally/v1/ingest_service_pb.js";
import type { TestResult } from "../../gen/tally/v1/run_pb.js";
import { heavyStep } from "../heavy-steps.js";
import {
  atEnd,
  type Cursor,
  endOf,
  once,
  openCursor,
  readField,
  readInt32,
  readInt64,
  readText,
  readUint32,
  skipValue,
  UNUSUAL,
} from "../wire/wire-reader.js";
import {
  NO_ENTRIES,
  readDuration,
  readFailure,
  readLocation,
  readMapEntry,
  readTest,
  readTimestamp,
  readTruncation,
} from "./result-parts-reader.js";

/** The oneof `frame` of both requests that upload, holding a batch. */
export interface BatchFrame {
  readonly case: "batch";
  readonly value: UploadBatch;
}

/**
 * The frame of an UploadResultsRequest or PublishResultsRequest, equal to what protobuf-es decodes; undefined
 * if it holds no batch, or only protobuf-es can tell. Many results are read in several heavy steps.
 */
export async function readBatchFrame(bytes: Uint8Array): Promise<BatchFrame | undefined> {
  const cursor = openCursor(bytes);
  try {
    if (readField(cursor) !== BATCH) return undefined;
    const value: UploadBatch = { $typeName: "tally.v1.UploadBatch", sequence: 0n, results: [] };
    const end = endOf(cursor);
    while (cursor.at < end) {
      if (end - cursor.at > LIGHT_BYTES) await heavyStep();
      const stepEnd = Math.min(end, cursor.at + BYTES_PER_STEP);
      while (cursor.at < stepEnd) readBatchField(cursor, value);
    }
    return { case: "batch", value: atEnd(atEnd(value, cursor, end), cursor, bytes.length) };
  } catch {
    // Whether this is an error, and which one, is for protobuf-es to say.
    return undefined;
  }
}

/** A millisecond or two of reading. */
const BYTES_PER_STEP = 64 * 1024;
/** Takes no step of its own. */
const LIGHT_BYTES = 16 * 1024;

/**
 * The results of an IngestRunRequest and the bytes of its other fields, as protobuf-es would take them apart;
 * undefined if only it can tell.
 */
export function readRunResults(
  bytes: Uint8Array,
): { readonly results: TestResult[]; readonly rest: Uint8Array } | undefined {
  const cursor = openCursor(bytes);
  const results: TestResult[] = [];
  const rest: Uint8Array[] = [];
  try {
    while (cursor.at < bytes.length) {
      const start = cursor.at;
      if (readField(cursor) === RUN_RESULTS) results.push(readResult(cursor));
      else {
        skipValue(cursor);
        rest.push(bytes.subarray(start, cursor.at));
      }
    }
    return atEnd({ results, rest: Buffer.concat(rest) }, cursor, bytes.length);
  } catch {
    return undefined;
  }
}

/** The field of both streamed requests. */
const BATCH = 2;
/** The field of the unary one. */
const RUN_RESULTS = 4;

function readBatchField(cursor: Cursor, batch: UploadBatch): void {
  switch (readField(cursor)) {
    case 1:
      batch.sequence = readInt64(cursor);
      break;
    case 2:
      batch.results.push(readResult(cursor));
      break;
    default:
      throw UNUSUAL;
  }
}

function readResult(cursor: Cursor): TestResult {
  const result: TestResult = {
    $typeName: "tally.v1.TestResult",
    resultId: "",
    test: undefined,
    status: 0,
    rawStatus: "",
    attempt: 0,
    repeatIndex: 0,
    startTime: undefined,
    duration: undefined,
    failure: undefined,
    skipReason: "",
    location: undefined,
    stdout: "",
    stderr: "",
    tags: NO_ENTRIES,
    truncations: NOTHING,
    repairedFields: NOTHING,
  };
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        result.resultId = readText(cursor);
        break;
      case 2:
        result.test = once(result.test, readTest(cursor));
        break;
      case 3:
        result.status = readInt32(cursor);
        break;
      case 4:
        result.rawStatus = readText(cursor);
        break;
      case 5:
        result.attempt = readUint32(cursor);
        break;
      case 6:
        result.repeatIndex = readUint32(cursor);
        break;
      case 7:
        result.startTime = once(result.startTime, readTimestamp(cursor));
        break;
      case 8:
        result.duration = once(result.duration, readDuration(cursor));
        break;
      case 9:
        result.failure = once(result.failure, readFailure(cursor));
        break;
      case 10:
        result.skipReason = readText(cursor);
        break;
      case 11:
        result.location = once(result.location, readLocation(cursor));
        break;
      case 12:
        result.stdout = readText(cursor);
        break;
      case 13:
        result.stderr = readText(cursor);
        break;
      case 14:
        result.tags = readMapEntry(cursor, result.tags);
        break;
      case 15:
        result.truncations = added(result.truncations, readTruncation(cursor));
        break;
      case 16:
        result.repairedFields = added(result.repairedFields, readText(cursor));
        break;
      default:
        throw UNUSUAL;
    }
  }
  return atEnd(result, cursor, end);
}

/** Lists that are empty, as nearly all are, share one: nothing writes to a message that was received. */
const NOTHING: never[] = [];
Object.freeze(NOTHING);

function added<T>(list: T[], item: T): T[] {
  if (list.length === 0) return [item];
  list.push(item);
  return list;
}
