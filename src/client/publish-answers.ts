/** Sends the frames of an upload by the protocol that the client speaks. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import {
  type IngestRunResponse,
  type PublishResultsResponse,
  PublishResultsResponseSchema,
  type UploadOpen,
  type UploadResultsRequestSchema,
  type UploadResultsResponse,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { limits } from "../limits.js";
import type { TallyClient } from "./client.js";
import { batchRequest, type Frame, streamFrame } from "./frames.js";

/** What of a client an upload needs; without `protocol` it is gRPC. */
export type UploadClient = Pick<TallyClient, "ingest"> & Partial<Pick<TallyClient, "protocol">>;

/**
 * The acknowledgements of the frames, in their order: over gRPC of one stream; over Connect, which has no
 * bidirectional stream on HTTP/1.1, of a call for each frame.
 */
export function publishAnswers(
  client: UploadClient,
  frames: AsyncIterable<Frame>,
  options: CallOptions,
): AsyncIterable<PublishResultsResponse> {
  return client.protocol === "connect"
    ? answersOfCalls(client, frames, options)
    : client.ingest.publishResults(streamFrames(frames), options);
}

async function* streamFrames(frames: AsyncIterable<Frame>) {
  for await (const frame of frames) yield streamFrame(frame);
}

async function* answersOfCalls(
  { ingest }: UploadClient,
  frames: AsyncIterable<Frame>,
  { signal }: CallOptions,
): AsyncGenerator<PublishResultsResponse> {
  const options = { timeoutMs: limits.unaryTimeoutMs, ...(signal === undefined ? {} : { signal }) };
  let opened: UploadOpen | undefined;
  let sentCount = 0;
  for await (const frame of frames) {
    if (frame.kind === "open") {
      opened = frame.open;
      yield answer(await ingest.uploadResults(streamOf(opened), options));
      continue;
    }
    if (opened === undefined) throw new ConnectError("the first frame must be open", Code.Internal);
    if (frame.kind === "batch") {
      const { sequence, count, results } = frame;
      const stored = await ingest.ingestRun(batchRequest(opened, results), options);
      const rejections = stored.rejections.map((item) => ({
        ...item,
        index: item.index + BigInt(sentCount),
      }));
      sentCount += count;
      yield { ...answer(stored), rejections, committedSequence: sequence };
    } else {
      const finished = await ingest.uploadResults(streamOf(opened, frame.finish), options);
      yield { ...answer(finished), finished: true };
    }
  }
}

/** A stream without results: it opens the part, or finishes it. */
async function* streamOf(
  open: UploadOpen,
  finish?: Extract<Frame, { kind: "finish" }>["finish"],
): AsyncGenerator<MessageInitShape<typeof UploadResultsRequestSchema>> {
  yield { frame: { case: "open", value: open } };
  if (finish !== undefined) yield { frame: { case: "finish", value: finish } };
}

/** The counts of another answer; all of them have the same names. */
function answer(counts: IngestRunResponse | UploadResultsResponse): PublishResultsResponse {
  return { ...counts, $typeName: PublishResultsResponseSchema.typeName, finished: false };
}
