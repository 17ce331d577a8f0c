/** IngestRun: a run, one of its parts, and results, in one call. */
import type { IngestService } from "../../../gen/tally/v1/ingest_service_pb.js";
import { sizeOf } from "../../ingest/ingest-batch.js";
import { checkResultCount } from "../check-count.js";
import type { Handler } from "../handler.js";
import { toCallError } from "./failures.js";
import { type IngestDeps, retryOf, tokenOf } from "./ingest-deps.js";
import { reportBatch, reportUpload } from "./report.js";
import { storeRunRequest } from "./store-run-request.js";

/** The handler of IngestRun. */
export function ingestRun(deps: IngestDeps): Handler<typeof IngestService.method.ingestRun> {
  return async (request, context) => {
    const startedAt = deps.now();
    const retry = retryOf(deps, context);
    const project = await deps.resolveProject(request.projectId, context);
    checkResultCount("results", request.results.length);
    const runId = request.run?.runId ?? "";
    const room = deps.budget.claim(project.projectId, sizeOf(request.results));
    await room.granted;
    try {
      const tokenId = tokenOf(context);
      const { summary, outcome } = await storeRunRequest(deps, project, tokenId, request, retry);
      reportBatch(deps, project, runId, outcome, startedAt, context);
      reportUpload(deps, project, summary, startedAt, context);
      // A whole message, which needs no copy.
      return { $typeName: "tally.v1.IngestRunResponse", ...summary };
    } catch (error) {
      throw await toCallError(deps, project, runId, error, context);
    } finally {
      room.shrink(0);
    }
  };
}
