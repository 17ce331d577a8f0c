/** Takes a job through the projects in which it has something to do. */
import { DbError } from "../db/errors.js";
import type { Logger } from "../log.js";

/**
 * Calls `work` with each of the projects, one after the other. What is wrong with one keeps no other waiting: it is
 * logged, and left to the next round. Throws where the database is away, which is the same for all of them.
 */
export async function forProjects(
  job: string,
  log: Logger,
  projectKeys: readonly string[],
  work: (projectKey: string) => Promise<void>,
): Promise<void> {
  for (const projectKey of projectKeys) {
    try {
      await work(projectKey);
    } catch (error) {
      if (error instanceof DbError && error.kind === "transient") throw error;
      log.warn({ event: "job_failed", job, project_key: projectKey, err: error });
    }
  }
}
