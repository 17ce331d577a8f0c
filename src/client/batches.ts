/** Results gathered into batches that one message holds. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  PublishResultsRequestSchema,
  type UploadOpenSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import type { TestResult } from "../../gen/tally/v1/run_pb.js";
import { type TestResultInit, wellFormedResult } from "./fit-result.js";

export interface Batch {
  readonly sequence: bigint;
  /** Position of its first result in the whole upload, from 0. */
  readonly firstIndex: number;
  readonly results: TestResult[];
}

export interface BatchLimits {
  readonly results: number;
  readonly bytes: number;
}

/** The results, made storable, in batches within both limits; a larger single result has its own. */
export async function* toBatches(
  results: AsyncIterable<TestResultInit> | Iterable<TestResultInit>,
  limits: BatchLimits,
): AsyncGenerator<Batch> {
  let batch: TestResult[] = [];
  let bytes = 0;
  let sequence = 0n;
  let firstIndex = 0;
  const take = (): Batch => {
    const taken = { sequence, firstIndex, results: batch };
    sequence++;
    firstIndex += batch.length;
    batch = [];
    bytes = 0;
    return taken;
  };
  for await (const init of results) {
    const result = wellFormedResult(init);
    const size = sizeOf(result);
    if (batch.length > 0 && bytes + size > limits.bytes) yield take();
    batch.push(result);
    bytes += size;
    if (batch.length >= limits.results) yield take();
  }
  if (batch.length > 0) yield take();
}

/** The frame that says whose results follow. */
export function openFrame(open: MessageInitShape<typeof UploadOpenSchema>) {
  return create(PublishResultsRequestSchema, { frame: { case: "open", value: open } });
}

/** The frame of a batch. */
export function batchFrame({ sequence, results }: Batch) {
  return create(PublishResultsRequestSchema, {
    frame: { case: "batch", value: { sequence, results } },
  });
}

/** Bytes of the result as a message, or somewhat more: encoding it twice would cost more than it saves. */
function sizeOf(result: TestResult): number {
  const { test, failure, location, tags, truncations, repairedFields } = result;
  let size = FIXED_BYTES + textBytes(result.resultId) + textBytes(result.rawStatus);
  size += textBytes(result.skipReason) + textBytes(result.stdout) + textBytes(result.stderr);
  size += mapBytes(tags);
  if (test !== undefined) {
    size += textBytes(test.suite) + textBytes(test.file) + textBytes(test.name);
    size += textBytes(test.parameters) + mapBytes(test.variant);
  }
  if (failure !== undefined) {
    size += textBytes(failure.kind) + textBytes(failure.message) + textBytes(failure.type);
    size += textBytes(failure.trace) + textBytes(failure.expected) + textBytes(failure.actual);
  }
  if (location !== undefined) size += textBytes(location.file);
  for (const { field } of truncations) size += textBytes(field) + ENTRY_BYTES;
  for (const field of repairedFields) size += textBytes(field) + ENTRY_BYTES;
  return size;
}

function textBytes(text: string): number {
  return text === "" ? 0 : Buffer.byteLength(text) + 4;
}

function mapBytes(map: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(map)) {
    bytes += textBytes(key) + textBytes(value) + ENTRY_BYTES;
  }
  return bytes;
}

/** Numbers, times and the frames of nested messages. */
const FIXED_BYTES = 96;
/** Tags, lengths and a number. */
const ENTRY_BYTES = 16;
