/** GetProject. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { readProject } from "../../db/projects.js";
import { notFound } from "../../errors.js";
import type { Handler } from "../handler.js";
import { projectMessage } from "./messages.js";
import { attempt, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of GetProject. */
export function getProject(deps: TenancyDeps): Handler<typeof TenancyService.method.getProject> {
  return async (request, context) => {
    const { projectId } = await deps.resolveProject(request.projectId, context);
    const project = await attempt(deps, context, () =>
      readProject(deps.db, projectId, context.deadlineAt),
    );
    if (project === null) throw notFound("project", projectId);
    return { project: projectMessage(project) };
  };
}
