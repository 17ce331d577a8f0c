/** Removes the rows of deleted runs, projects and organizations. */
import {
  type DeletedRun,
  deleteRunsOfProject,
  listDeletedRuns,
  purgeProject,
  purgeProjectRun,
  purgeRun,
} from "../db/purge.js";
import { deletedProjects, projectsWithDeletedRuns } from "../db/work.js";
import { forProjects } from "./for-projects.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const NAME = "purge-deleted";
/** A statement that found a project before it was deleted has ended by then: none has longer than 35 s. */
const GRACE_MS = 300_000;

/** The job. What a run has in figures is taken away in between by the job that folds. */
export function purgeDeleted({ db, log }: JobDeps): Job {
  const eachDeletedRun = async (projectKey: string, purge: (run: DeletedRun) => Promise<void>) => {
    let runs: DeletedRun[] = [];
    do {
      runs = await listDeletedRuns(db, projectKey, runs.at(-1)?.runKey ?? "0");
      for (const run of runs) await purge(run);
    } while (runs.length > 0);
  };
  return {
    name: NAME,
    everyMs: 5_000,
    async runOnce() {
      await forProjects(NAME, log, await deletedProjects(db, GRACE_MS), async (projectKey) => {
        const purge = (run: DeletedRun) => purgeProjectRun(db, projectKey, run);
        while ((await deleteRunsOfProject(db, projectKey)) > 0) {
          await eachDeletedRun(projectKey, purge);
        }
        await eachDeletedRun(projectKey, purge);
        await purgeProject(db, projectKey);
        log.info({ event: "project_purged" });
      });
      await forProjects(NAME, log, await projectsWithDeletedRuns(db), (projectKey) =>
        eachDeletedRun(projectKey, (run) => purgeRun(db, projectKey, run)),
      );
    },
  };
}
