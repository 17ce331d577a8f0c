/** Removes the rows of deleted runs, projects and organizations. */
import { deleteRunsOfProject, listDeletedRuns, purgeProject, purgeRun } from "../db/purge.js";
import { deletedProjects, projectsWithDeletedRuns } from "../db/work.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

/** The job. */
export function purgeDeleted({ db, log }: JobDeps): Job {
  const purgeRuns = async (projectKey: string) => {
    for (let runs = await listDeletedRuns(db, projectKey); runs.length > 0; ) {
      for (const run of runs) await purgeRun(db, projectKey, run);
      runs = await listDeletedRuns(db, projectKey);
    }
  };
  return {
    name: "purge-deleted",
    everyMs: 5_000,
    async runOnce() {
      for (const projectKey of await deletedProjects(db)) {
        while ((await deleteRunsOfProject(db, projectKey)) > 0) await purgeRuns(projectKey);
        await purgeRuns(projectKey);
        await purgeProject(db, projectKey);
        log.info({ event: "project_purged" });
      }
      for (const projectKey of await projectsWithDeletedRuns(db)) await purgeRuns(projectKey);
    },
  };
}
