/** Drops the bytes of rejections that were resolved or dismissed 30 days ago; the rest of them stays. */
import { dropClosedBytes } from "../db/rejections.js";
import { projectsWithClosedBytes } from "../db/work.js";
import { limits } from "../limits.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const ROWS_PER_STATEMENT = 1_000;

/** The job. */
export function dropClosedRefusals({ db, now }: JobDeps): Job {
  return {
    name: "drop-closed-refusals",
    everyMs: 600_000,
    async runOnce() {
      const beforeUs = (now() - limits.closedRefusalBytesMs) * 1000;
      for (const projectKey of await projectsWithClosedBytes(db, beforeUs)) {
        let dropped = 0;
        do {
          dropped = await dropClosedBytes(db, projectKey, beforeUs, ROWS_PER_STATEMENT);
        } while (dropped === ROWS_PER_STATEMENT);
      }
    },
  };
}
