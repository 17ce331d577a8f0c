/** Derives the state of runs whose last writer could not: it crashed, or lost too many races. */
import { listUnsettledRuns } from "../db/run-states.js";
import { projectsWithUnsettledRuns } from "../db/work.js";
import { settleRunState } from "../ingest/settle-run.js";
import { forProjects } from "./for-projects.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const NAME = "settle-runs";
/** A writer that still lives settles its run sooner than this. */
const LEFT_AFTER_MS = 5_000;
const RUNS_PER_PROJECT = 100;

/** The job. */
export function settleRuns({ db, log, now, random }: JobDeps): Job {
  return {
    name: NAME,
    everyMs: 5_000,
    async runOnce() {
      const beforeUs = (now() - LEFT_AFTER_MS) * 1000;
      const projects = await projectsWithUnsettledRuns(db, beforeUs);
      await forProjects(NAME, log, projects, async (projectKey) => {
        const runKeys = await listUnsettledRuns(db, projectKey, beforeUs, RUNS_PER_PROJECT);
        for (const runKey of runKeys) {
          await settleRunState(db, projectKey, runKey, { deadlineAt: now() + 10_000, random });
        }
      });
    },
  };
}
