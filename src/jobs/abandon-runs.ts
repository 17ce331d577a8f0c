/** Marks running runs as abandoned after a day without traffic; later traffic lifts it. */
import { abandonRuns as abandonStored } from "../db/run-states.js";
import { projectsWithOldRunningRuns } from "../db/work.js";
import { settleRunState } from "../ingest/settle-run.js";
import { limits } from "../limits.js";
import { forProjects } from "./for-projects.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

const NAME = "abandon-runs";
const RUNS_PER_STATEMENT = 500;

/** The job. */
export function abandonRuns({ db, log, now, random }: JobDeps): Job {
  return {
    name: NAME,
    everyMs: 60_000,
    async runOnce() {
      const quietSinceUs = (now() - limits.abandonAfterMs) * 1000;
      const projects = await projectsWithOldRunningRuns(db, quietSinceUs);
      await forProjects(NAME, log, projects, async (projectKey) => {
        const runs = await abandonStored(db, projectKey, quietSinceUs, RUNS_PER_STATEMENT);
        for (const { runKey, runId } of runs) {
          log.info({ event: "run_abandoned", run_id: runId });
          await settleRunState(db, projectKey, runKey, { deadlineAt: now() + 10_000, random });
        }
      });
    },
  };
}
