/** Which project a call is about: the token's own, or for an admin token the one it names. */
import { createBoundedCache } from "../bounded-cache.js";
import { readProject } from "../db/projects.js";
import type { Queryable } from "../db/queryable.js";
import { invalidArgument, notFound } from "../errors.js";
import { fromDbError } from "./database-error.js";
import type { CallContext } from "./handler.js";

/** A project as statements and answers name it. */
export interface ProjectRef {
  /** An int8 in decimal. */
  readonly projectKey: string;
  readonly projectId: string;
}

/**
 * The project of a request. A project token may leave the id out; another id than its own is NOT_FOUND. An
 * admin token must give it: INVALID_ARGUMENT (`project_id`) without, NOT_FOUND for an unknown one.
 */
export type ResolveProject = (
  requestProjectId: string,
  context: CallContext,
) => ProjectRef | Promise<ProjectRef>;

/** How long an admin's answer may be old: a deleted project is NOT_FOUND a second later at most. */
const CACHED_MS = 1_000;
const CACHED_PROJECTS = 10_000;

/** Looks up projects for admin tokens; for project tokens no look-up is needed. */
export function createProjectResolver(db: Queryable, now: () => number = Date.now): ResolveProject {
  const cache = createBoundedCache<string, { readonly ref: ProjectRef; readonly until: number }>(
    CACHED_PROJECTS,
  );
  const lookUp = async (projectId: string, context: CallContext): Promise<ProjectRef> => {
    const { deadlineAt } = context;
    const project = await readProject(db, projectId, deadlineAt).catch((error: unknown) => {
      throw fromDbError(error, deadlineAt);
    });
    if (project === null) throw notFound("project", projectId);
    const ref = { projectKey: project.projectKey, projectId };
    cache.set(projectId, { ref, until: now() + CACHED_MS });
    return ref;
  };
  return (requestProjectId, context) => {
    const { principal } = context;
    if (principal?.kind === "project") {
      if (requestProjectId !== "" && requestProjectId !== principal.projectId) {
        throw notFound("project", requestProjectId);
      }
      return { projectKey: principal.projectKey, projectId: principal.projectId };
    }
    if (requestProjectId === "") {
      throw invalidArgument([{ field: "project_id", description: "required with an admin token" }]);
    }
    const cached = cache.get(requestProjectId);
    if (cached !== undefined && cached.until > now()) return cached.ref;
    return lookUp(requestProjectId, context);
  };
}
