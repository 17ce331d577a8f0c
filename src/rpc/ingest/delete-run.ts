/** DeleteRun: the run is gone from every answer at once; its rows follow in the background. */
import type { IngestService } from "../../../gen/tally/v1/ingest_service_pb.js";
import { withRetries } from "../../db/retry.js";
import { deleteRun as deleteStoredRun } from "../../db/runs.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { checkRunId } from "../../ingest/validate-run.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { type IngestDeps, retryOf } from "./ingest-deps.js";

/** The handler of DeleteRun. */
export function deleteRun(deps: IngestDeps): Handler<typeof IngestService.method.deleteRun> {
  return async (request, context) => {
    const retry = retryOf(deps, context);
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const violations: Violation[] = [];
    checkRunId(violations, "run_id", request.runId);
    if (violations.length > 0) throw invalidArgument(violations);
    try {
      const found = await withRetries(
        () => deleteStoredRun(deps.db, projectKey, request.runId, retry.deadlineAt),
        retry,
      );
      if (!found) throw notFound("run", request.runId);
    } catch (error) {
      throw fromDbError(error, context.deadlineAt);
    }
    deps.runs.forget(projectKey, request.runId);
    context.log.info({ event: "run_deleted", project_id: projectId, run_id: request.runId });
    return {};
  };
}
