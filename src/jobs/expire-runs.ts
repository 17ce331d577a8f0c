/** Takes runs that are older than their project keeps them through the steps of db/expired-runs.ts. */
import {
  deleteFailures,
  deleteRaw,
  expireRuns as expireStored,
  listRunsToEmpty,
  listRunsToForget,
  listRunsToSeal,
  markEmpty,
  markForgotten,
  RAW_TABLES,
  sealRuns,
} from "../db/expired-runs.js";
import { monthsThatLeave } from "../db/results-partitions.js";
import { projectsWithOldRuns } from "../db/retention-work.js";
import { readPartVerdicts } from "../ingest/part-verdicts.js";
import { limits } from "../limits.js";
import { eachProject } from "./each-project.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";
import { untilFew } from "./until-few.js";

const NAME = "expire-runs";
/** A statement that found a run open before it expired has ended by then: none has longer than 35 s. */
const GRACE_MS = 300_000;
const RUNS_PER_STATEMENT = 100;
/** Some 20 ms. */
const ROWS_PER_STATEMENT = 2_000;
const STATEMENT_MS = 30_000;

/** The job. Results of a month that leaves whole are left to the job that drops partitions. */
export function expireRuns({ db, log, now }: Pick<JobDeps, "db" | "log" | "now">): Job {
  const sealSome = async (projectKey: string) => {
    const runs = await listRunsToSeal(db, projectKey, GRACE_MS, RUNS_PER_STATEMENT);
    if (runs.length === 0) return 0;
    const verdicts = await readPartVerdicts(db, projectKey, runs, now() + STATEMENT_MS);
    return sealRuns(db, projectKey, runs, verdicts);
  };
  const emptySome = async (projectKey: string, months: readonly string[]) => {
    const runs = await listRunsToEmpty(db, projectKey, months, RUNS_PER_STATEMENT);
    if (runs.length === 0) return 0;
    for (const table of RAW_TABLES) {
      await untilFew(ROWS_PER_STATEMENT, (n) => deleteRaw(db, table, projectKey, runs, n));
    }
    return markEmpty(db, projectKey, runs);
  };
  const forgetSome = async (projectKey: string) => {
    const { failureDays } = limits;
    const runs = await listRunsToForget(db, projectKey, failureDays, RUNS_PER_STATEMENT);
    if (runs.length === 0) return 0;
    await untilFew(ROWS_PER_STATEMENT, (n) => deleteFailures(db, projectKey, runs, n));
    return markForgotten(db, projectKey, runs);
  };
  const expireProject = async (projectKey: string, months: readonly string[]) => {
    const expired = await untilNone(() => expireStored(db, projectKey, RUNS_PER_STATEMENT));
    await untilNone(() => sealSome(projectKey));
    const emptied = await untilNone(() => emptySome(projectKey, months));
    await untilNone(() => forgetSome(projectKey));
    if (expired + emptied > 0) log.info({ event: "runs_expired", expired, emptied });
  };
  return {
    name: NAME,
    everyMs: 60_000,
    async runOnce() {
      const months = await monthsThatLeave(db);
      await eachProject(
        NAME,
        log,
        (after, limit) => projectsWithOldRuns(db, limits.failureDays, after, limit),
        (projectKey) => expireProject(projectKey, months),
      );
    },
  };
}

/** Repeats a step until it finds nothing that it can do, or another server was faster; how much it did. */
async function untilNone(step: () => Promise<number>): Promise<number> {
  for (let sum = 0; ; ) {
    const done = await step();
    sum += done;
    if (done === 0) return sum;
  }
}
