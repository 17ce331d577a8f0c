/** CreateProject: the id is drawn before the first attempt, so that a repeat meets its own row. */
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { createProject as createStored } from "../../db/projects.js";
import { base32 } from "../../db/tenancy-ids.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import type { Handler } from "../handler.js";
import { projectMessage } from "./messages.js";
import { nameTaken, readName } from "./names.js";
import { readSettings } from "./project-settings.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of CreateProject. */
export function createProject(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.createProject> {
  return async (request, context) => {
    const startedAt = deps.now();
    const { organizationId } = request;
    const violations: Violation[] = [];
    if (organizationId === "") {
      violations.push({ field: "organization_id", description: "is required" });
    }
    const name = readName(violations, "name", request.name);
    const settings = readSettings(violations, "settings", request.settings);
    if (violations.length > 0) throw invalidArgument(violations);
    const projectId = `prj_${base32(deps.randomBytes(20))}`;
    const project = { projectId, organizationId, name, settings };
    const made = await attempt(deps, context, () =>
      createStored(deps.db, project, actorOf(context), context.deadlineAt),
    );
    if (made.outcome === "not-found") throw notFound("organization", organizationId);
    if (made.outcome === "name-taken") throw nameTaken("project", name, made.projectId);
    deps.metrics.projectsCreated.inc();
    context.log.info({
      event: "project_created",
      organization_id: organizationId,
      project_id: projectId,
      token_id: context.principal?.tokenId,
      duration_ms: elapsedMs(deps, startedAt),
    });
    return { project: projectMessage(made.project) };
  };
}
