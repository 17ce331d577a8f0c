/** PublishResults: a stream of batches, each acknowledged when it is committed. */
import type { IngestService } from "../../../gen/tally/v1/ingest_service_pb.js";
import type { Handler } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import type { IngestDeps } from "./ingest-deps.js";
import { reportUpload } from "./report.js";
import { addSummary, emptySummary } from "./summary.js";
import { uploadSession } from "./upload-session.js";

/** The handler of PublishResults. */
export function publishResults(
  deps: IngestDeps,
): Handler<typeof IngestService.method.publishResults> {
  return async function* (requests, context) {
    const startedAt = deps.now();
    const sum = emptySummary("");
    let project: ProjectRef | undefined;
    const session = uploadSession(deps, requests, context, (found) => {
      project = found;
    });
    try {
      for await (const { summary, committedSequence, finished } of session) {
        sum.runId = summary.runId;
        addSummary(sum, summary);
        yield {
          finished,
          ...summary,
          ...(committedSequence === undefined ? {} : { committedSequence }),
        };
      }
    } finally {
      if (project !== undefined && sum.runId !== "") {
        reportUpload(deps, project, sum, startedAt, context);
      }
    }
  };
}
