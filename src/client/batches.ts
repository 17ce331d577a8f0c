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
function sizeOf({ test, failure, location, ...result }: TestResult): number {
  const texts = [
    result.resultId,
    result.rawStatus,
    result.skipReason,
    result.stdout,
    result.stderr,
    location?.file,
    ...(test === undefined ? [] : [test.suite, test.file, test.name, test.parameters]),
    ...(failure === undefined
      ? []
      : [
          failure.kind,
          failure.message,
          failure.type,
          failure.trace,
          failure.expected,
          failure.actual,
        ]),
  ];
  const entries = [...Object.entries(result.tags), ...Object.entries(test?.variant ?? {})].flat();
  const flags = result.truncations.map(({ field }) => field).concat(result.repairedFields);
  let size = FIXED_BYTES;
  for (const text of texts) if (text) size += Buffer.byteLength(text) + 4;
  for (const text of [...entries, ...flags]) size += Buffer.byteLength(text) + 16;
  return size;
}

/** Numbers, times and the frames of nested messages. */
const FIXED_BYTES = 96;
