/**
 * What an upload sends, as messages. Results are written out already: they go into a message as fields that it
 * does not know, which is how protobuf carries bytes that nobody needs to take apart.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type IngestRunRequest,
  IngestRunRequestSchema,
  type PublishResultsRequest,
  PublishResultsRequestSchema,
  type UploadFinishSchema,
  type UploadOpen,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { closeMessage, openMessage, writeInt64 } from "../wire/wire-writer.js";

export type UploadFinishInit = MessageInitShape<typeof UploadFinishSchema>;

/** One step of an upload, whatever it is sent by. */
export type Frame =
  | { readonly kind: "open"; readonly open: UploadOpen }
  | {
      readonly kind: "batch";
      readonly sequence: bigint;
      readonly count: number;
      readonly results: Buffer;
    }
  | { readonly kind: "finish"; readonly finish: UploadFinishInit };

/** The frame of a stream. */
export function streamFrame(frame: Frame): PublishResultsRequest {
  switch (frame.kind) {
    case "open":
      return create(PublishResultsRequestSchema, { frame: { case: "open", value: frame.open } });
    case "batch":
      return batchFrame(frame.sequence, frame.results);
    case "finish":
      return create(PublishResultsRequestSchema, {
        frame: { case: "finish", value: frame.finish },
      });
  }
}

/** The unary request that stores a batch. */
export function batchRequest(open: UploadOpen, results: Buffer): IngestRunRequest {
  const { projectId, run, part } = open;
  // The run is known by its open frame, whose facts need not be compared again and again.
  const request = create(IngestRunRequestSchema, { projectId, run: { runId: run?.runId ?? "" } });
  if (part !== undefined) request.part = part;
  request.$unknown = itemsOf(results).map((data) => ({
    no: RUN_RESULTS,
    wireType: LENGTH_DELIMITED,
    data,
  }));
  return request;
}

function batchFrame(sequence: bigint, results: Buffer): PublishResultsRequest {
  const request = create(PublishResultsRequestSchema);
  const sink = { buffer: Buffer.allocUnsafe(results.length + HEAD_BYTES), at: 0 };
  const start = openMessage(sink, BATCH, request);
  writeInt64(sink, 1, sequence);
  sink.at += results.copy(sink.buffer, sink.at);
  closeMessage(sink, start);
  // Without the tag, which protobuf-es writes.
  const data = sink.buffer.subarray(1, sink.at);
  request.$unknown = [{ no: BATCH, wireType: LENGTH_DELIMITED, data }];
  return request;
}

/** Each item with its length, of a field of messages whose tag has one byte. */
function itemsOf(field: Buffer): Buffer[] {
  const items: Buffer[] = [];
  for (let at = 0; at < field.length; ) {
    const start = ++at;
    let length = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = field.readUInt8(at++);
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    at += length;
    items.push(field.subarray(start, at));
  }
  return items;
}

const LENGTH_DELIMITED = 2;
/** The field of the streamed request. */
const BATCH = 2;
/** The field of the unary one. */
const RUN_RESULTS = 4;
/** Tags, length and sequence. */
const HEAD_BYTES = 64;
