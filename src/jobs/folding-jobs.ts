/** The jobs that take what is stored into the figures. */
import type { Queryable } from "../db/queryable.js";
import type { Logger } from "../log.js";
import { foldEvents } from "./fold-events.js";
import { foldResults } from "./fold-results.js";
import { startJobs } from "./job.js";

/** Runs them until the answer is disposed. Each uses one connection at a time. */
export function startFoldingJobs(db: Queryable, log: Logger): AsyncDisposable {
  const deps = { db, log, now: Date.now, random: Math.random };
  return startJobs([foldEvents(deps), foldResults(deps)], log);
}
