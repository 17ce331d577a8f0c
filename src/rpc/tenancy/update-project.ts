/** UpdateProject: the fields of the mask are taken, the others stay. */
import { Code } from "@connectrpc/connect";
import type { Project } from "../../../gen/tally/v1/tenancy_pb.js";
import type { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import type { ProjectChange, StoredSettings } from "../../db/projects.js";
import { updateProject as updateStored } from "../../db/projects.js";
import { callError, invalidArgument, notFound, type Violation } from "../../errors.js";
import { quote } from "../../text.js";
import type { CallContext, Handler } from "../handler.js";
import { projectMessage } from "./messages.js";
import { nameTaken, readName } from "./names.js";
import { maySet, readSettings, settingNames } from "./project-settings.js";
import { actorOf, attempt, elapsedMs, type TenancyDeps } from "./tenancy-deps.js";

/** The handler of UpdateProject. */
export function updateProject(
  deps: TenancyDeps,
): Handler<typeof TenancyService.method.updateProject> {
  return async (request, context) => {
    const startedAt = deps.now();
    const { projectId, projectKey } = await deps.resolveProject(
      request.project?.projectId ?? "",
      context,
    );
    const paths = request.updateMask?.paths ?? [];
    const change = readChange(request.project, paths, context);
    const updated = await attempt(deps, context, () =>
      updateStored(deps.db, projectId, change, actorOf(context), context.deadlineAt),
    );
    deps.policies.forget(projectKey);
    if (updated.outcome === "not-found") throw notFound("project", projectId);
    if (updated.outcome === "name-taken") {
      throw nameTaken("project", change.name ?? "", updated.projectId);
    }
    context.log.info({
      event: "project_updated",
      project_id: projectId,
      token_id: context.principal?.tokenId,
      duration_ms: elapsedMs(deps, startedAt),
    });
    return { project: projectMessage(updated.project) };
  };
}

/**
 * What the mask names. `settings` as a whole means every setting that the caller may set, so that a message
 * that was read, changed and sent back is taken from a project's token too.
 */
function readChange(
  project: Project | undefined,
  paths: readonly string[],
  { principal }: CallContext,
): ProjectChange {
  const violations: Violation[] = [];
  if (paths.length === 0) violations.push({ field: "update_mask", description: "is required" });
  const wanted = new Set<keyof StoredSettings>();
  const denied: string[] = [];
  for (const path of new Set(paths)) {
    const setting = path.startsWith("settings.") ? settingNames.get(path.slice(9)) : undefined;
    if (path === "settings") {
      for (const each of settingNames.values()) if (maySet(each, principal)) wanted.add(each);
    } else if (setting !== undefined) {
      wanted.add(setting);
      if (!maySet(setting, principal)) denied.push(path);
    } else if (path !== "name") {
      violations.push({
        field: "update_mask",
        description: `${quote(path)} is none of name, settings and settings.<field>`,
      });
    }
  }
  // What the mask does not name is not looked at.
  const unread: Violation[] = [];
  const named = paths.includes("name");
  const name = readName(named ? violations : unread, "project.name", project?.name ?? "");
  const settingFaults: Violation[] = [];
  const settings = readSettings(settingFaults, "project.settings", project?.settings);
  const fields = new Set([...settingNames].filter(([, key]) => wanted.has(key)).map(([f]) => f));
  violations.push(
    ...settingFaults.filter(({ field }) => fields.has(field.slice("project.settings.".length))),
  );
  if (violations.length > 0) throw invalidArgument(violations);
  if (denied.length > 0) {
    throw callError(
      Code.PermissionDenied,
      `${denied.join(", ")} can be set by an admin token alone`,
      {
        reason: "ADMIN_NEEDED",
      },
    );
  }
  const change: ProjectChange = Object.fromEntries([...wanted].map((key) => [key, settings[key]]));
  return named ? { ...change, name } : change;
}
