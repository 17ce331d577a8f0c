/** Drops the bytes of rejections that were resolved or dismissed 30 days ago; the rest of them stays. */
import { dropClosedBytes } from "../db/rejections.js";
import { projectsWithClosedBytes } from "../db/work.js";
import { limits } from "../limits.js";
import { forProjects } from "./for-projects.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const NAME = "drop-closed-refusals";
const ROWS_PER_STATEMENT = 1_000;

/** The job. */
export function dropClosedRefusals({ db, log, now }: JobDeps): Job {
  return {
    name: NAME,
    everyMs: 600_000,
    async runOnce() {
      const beforeUs = (now() - limits.closedRefusalBytesMs) * 1000;
      const projects = await projectsWithClosedBytes(db, beforeUs);
      await forProjects(NAME, log, projects, async (projectKey) => {
        let dropped = 0;
        do {
          dropped = await dropClosedBytes(db, projectKey, beforeUs, ROWS_PER_STATEMENT);
        } while (dropped === ROWS_PER_STATEMENT);
      });
    },
  };
}
