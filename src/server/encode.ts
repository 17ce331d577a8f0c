/**
 * Messages to the bytes of an answer. The answer of a unary upload, which every single result gets, is written by
 * hand where it names no refusals: 1 µs instead of 10 (2 cores, Node 20). The bytes are the same.
 */
import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import {
  type IngestRunResponse,
  IngestRunResponseSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { writeBool, writeInt64, writeItem, writeText } from "../wire-writer.js";

/** The message in binary protobuf. */
export function encodeBinary(desc: DescMessage, message: Message): Uint8Array {
  if (desc !== IngestRunResponseSchema) return toBinary(desc, message);
  // The descriptor says so.
  const response = message as IngestRunResponse;
  return response.rejections.length > 0 ? toBinary(desc, response) : writeSummary(response);
}

function writeSummary(response: IngestRunResponse): Buffer {
  const sink = { buffer: Buffer.allocUnsafe(FIRST_BYTES), at: 0 };
  writeText(sink, 1, response.runId);
  writeBool(sink, 2, response.runDuplicate);
  for (const field of response.runConflict) writeItem(sink, 3, field);
  writeInt64(sink, 4, response.acceptedCount);
  writeInt64(sink, 5, response.duplicateCount);
  writeInt64(sink, 6, response.conflictCount);
  writeInt64(sink, 7, response.rejectedCount);
  writeBool(sink, 9, response.rejectionsTruncated);
  return sink.buffer.subarray(0, sink.at);
}

/** Enough for a short run_id. */
const FIRST_BYTES = 128;
