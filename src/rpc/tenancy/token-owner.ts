/** Whose tokens or entries a call is about: a project's, or with an admin token and no id everything else. */
import type { CallContext } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import type { TenancyDeps } from "./tenancy-deps.js";

/** The project; null for an admin token that names none. */
export async function ownerOf(
  deps: TenancyDeps,
  requestProjectId: string,
  context: CallContext,
): Promise<ProjectRef | null> {
  if (requestProjectId === "" && context.principal?.kind === "admin") return null;
  return deps.resolveProject(requestProjectId, context);
}
