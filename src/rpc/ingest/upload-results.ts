/** UploadResults: a stream of batches, one summary at its end. */
import type {
  IngestService,
  UploadResultsRequest,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import type { Handler } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import type { IngestDeps } from "./ingest-deps.js";
import { reportUpload } from "./report.js";
import { addSummary, emptySummary } from "./summary.js";
import { outOfPlace, uploadSession } from "./upload-session.js";

/** The handler of UploadResults. */
export function uploadResults(
  deps: IngestDeps,
): Handler<typeof IngestService.method.uploadResults> {
  return async (requests, context) => {
    const startedAt = deps.now();
    const sum = emptySummary("");
    let project: ProjectRef | undefined;
    let committedSequence: bigint | undefined;
    const session = uploadSession(deps, finishLast(requests), context, (found) => {
      project = found;
    });
    for await (const ack of session) {
      sum.runId = ack.summary.runId;
      addSummary(sum, ack.summary);
      committedSequence = ack.committedSequence;
    }
    if (project !== undefined) reportUpload(deps, project, sum, startedAt, context);
    return committedSequence === undefined ? sum : { committedSequence, ...sum };
  };
}

/** The frames; `finish` when the stream has ended. A client that hears but the sum would not know of a frame left unread. */
async function* finishLast(
  frames: AsyncIterable<UploadResultsRequest>,
): AsyncGenerator<UploadResultsRequest> {
  let finish: UploadResultsRequest | undefined;
  for await (const frame of frames) {
    if (finish !== undefined) throw outOfPlace(frame, "after finish comes nothing");
    if (frame.frame.case === "finish") finish = frame;
    else yield frame;
  }
  if (finish !== undefined) yield finish;
}
