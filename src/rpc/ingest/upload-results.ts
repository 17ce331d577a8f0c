/** UploadResults: a stream of batches, one summary at its end. */
import type { IngestService } from "../../../gen/tally/v1/ingest_service_pb.js";
import type { Handler } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import type { IngestDeps } from "./ingest-deps.js";
import { reportUpload } from "./report.js";
import { addSummary, emptySummary } from "./summary.js";
import { uploadSession } from "./upload-session.js";

/** The handler of UploadResults. */
export function uploadResults(
  deps: IngestDeps,
): Handler<typeof IngestService.method.uploadResults> {
  return async (requests, context) => {
    const startedAt = deps.now();
    const sum = emptySummary("");
    let project: ProjectRef | undefined;
    let committedSequence: bigint | undefined;
    const session = uploadSession(deps, requests, context, (found) => {
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
