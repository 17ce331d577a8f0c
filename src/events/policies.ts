/** The event policies of projects, as a server knows them: what another server changed counts within a second. */
import { createBoundedCache } from "../bounded-cache.js";
import { readProject } from "../db/projects.js";
import type { Queryable } from "../db/queryable.js";
import { ProjectGone } from "./event-job.js";
import type { EventPolicy } from "./normalize.js";

export interface EventPolicies {
  /** Throws ProjectGone or DbError. */
  of(project: { readonly projectKey: string; readonly projectId: string }): Promise<EventPolicy>;
  /** The project's settings have changed on this server. */
  forget(projectKey: string): void;
}

const CACHED_MS = 1_000;
const CACHED_PROJECTS = 10_000;
/** Callers with different deadlines share the answer. */
const READ_TIMEOUT_MS = 10_000;
/** As `projects.event_policy` stores it. */
const LENIENT = 2;

/** Knows no project yet. */
export function createEventPolicies(db: Queryable, now: () => number): EventPolicies {
  const cache = createBoundedCache<string, { policy: Promise<EventPolicy>; until: number }>(
    CACHED_PROJECTS,
  );
  const read = async (projectId: string): Promise<EventPolicy> => {
    const project = await readProject(db, projectId, now() + READ_TIMEOUT_MS);
    if (project === null) throw new ProjectGone();
    return project.settings.eventPolicy === LENIENT ? "lenient" : "strict";
  };
  return {
    of({ projectKey, projectId }) {
      const cached = cache.get(projectKey);
      if (cached !== undefined && cached.until > now()) return cached.policy;
      const policy = read(projectId);
      cache.set(projectKey, { policy, until: now() + CACHED_MS });
      policy.catch(() => cache.delete(projectKey));
      return policy;
    },
    forget: (projectKey) => cache.delete(projectKey),
  };
}
