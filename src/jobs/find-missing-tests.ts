/** Finds the tests that runs lack, once a job of theirs has finished or what is known of it has changed. */
import { DbError } from "../db/errors.js";
import { listMissingDue } from "../db/missing-tests.js";
import { projectsWithMissingDue } from "../db/work.js";
import { findMissing } from "../ingest/missing-tests.js";
import { forProjects } from "./for-projects.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const NAME = "find-missing-tests";
/** A run whose results still come is not looked through at each of them. */
const DUE_AFTER_MS = 500;
const RUNS_PER_PROJECT = 50;
const RUN_TIMEOUT_MS = 30_000;

/** The job. */
export function findMissingTests({ db, log, now }: JobDeps): Job {
  return {
    name: NAME,
    everyMs: 2_000,
    async runOnce() {
      const beforeUs = (now() - DUE_AFTER_MS) * 1000;
      const projects = await projectsWithMissingDue(db, beforeUs);
      await forProjects(NAME, log, projects, async (projectKey) => {
        for (const runKey of await listMissingDue(db, projectKey, beforeUs, RUNS_PER_PROJECT)) {
          try {
            await findMissing(db, projectKey, runKey, now() + RUN_TIMEOUT_MS);
          } catch (error) {
            if (error instanceof DbError && error.kind === "transient") throw error;
            // One run keeps no other waiting; it stays due.
            log.warn({ event: "missing_tests_failed", run_key: runKey, err: error });
          }
        }
      });
    },
  };
}
