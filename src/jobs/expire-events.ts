/** Drops the content of events that are older than their project keeps them, and forgets them later. */
import { dropEventLedger, dropEvents, forgetEvents } from "../db/dropped-events.js";
import { projectsWithOldEvents } from "../db/retention-work.js";
import { limits } from "../limits.js";
import { eachProject } from "./each-project.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";
import { untilFew } from "./until-few.js";

const NAME = "expire-events";
/** Some 25 ms of one core. */
const ROWS_PER_STATEMENT = 1_000;

/** The job. */
export function expireEvents({ db, log }: Pick<JobDeps, "db" | "log">): Job {
  const { eventDedupDays } = limits;
  const expireProject = async (projectKey: string) => {
    const dropped = await untilFew(ROWS_PER_STATEMENT, (n) => dropEvents(db, projectKey, n));
    await untilFew(ROWS_PER_STATEMENT, (n) => dropEventLedger(db, projectKey, n));
    const forgotten = await untilFew(ROWS_PER_STATEMENT, (n) =>
      forgetEvents(db, projectKey, eventDedupDays, n),
    );
    if (dropped + forgotten > 0) log.info({ event: "events_expired", dropped, forgotten });
  };
  return {
    name: NAME,
    everyMs: 600_000,
    runOnce: () =>
      eachProject(
        NAME,
        log,
        (after, limit) => projectsWithOldEvents(db, eventDedupDays, after, limit),
        expireProject,
      ),
  };
}
