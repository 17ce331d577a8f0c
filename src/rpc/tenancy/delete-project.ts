/** DeleteProject: it is gone at once, its tokens and streams with it; rows follow in the background. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { deleteProject as deleteStored } from "../../db/projects.js";
import { notFound } from "../../errors.js";
import type { Handler } from "../handler.js";
import { requireId } from "./require-id.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of DeleteProject. */
export function deleteProject(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.deleteProject> {
  return async ({ projectId }, context) => {
    const startedAt = deps.now();
    requireId("project_id", projectId);
    const deleted = await attempt(deps, context, async (tries) => {
      const found = await deleteStored(deps.db, projectId, actorOf(context), context.deadlineAt);
      // An attempt whose answer was lost has deleted it.
      return found || tries > 0;
    });
    if (!deleted) throw notFound("project", projectId);
    context.log.info({
      event: "project_deleted",
      project_id: projectId,
      token_id: context.principal?.tokenId,
      duration_ms: elapsedMs(deps, startedAt),
    });
    return {};
  };
}
