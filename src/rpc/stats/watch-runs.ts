/** WatchRuns: runs as they change, whichever server took what changed them. */
import type { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { findRun } from "../../db/run-lists.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { checkRunId } from "../../ingest/validate-run.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import type { StatsDeps } from "./stats-deps.js";
import type { RunFeeds } from "./watch/run-feeds.js";

export interface WatchDeps extends StatsDeps {
  readonly feeds: RunFeeds;
}

/** The handler of WatchRuns. */
export function watchRuns({
  db,
  resolveProject,
  feeds,
}: WatchDeps): Handler<typeof StatsService.method.watchRuns> {
  return async function* ({ projectId, branch, runId }, context) {
    const project = await resolveProject(projectId, context);
    const violations: Violation[] = [];
    checkName(violations, "branch", branch, limits.nameBytes);
    if (runId !== "") checkRunId(violations, "run_id", runId);
    if (violations.length > 0) throw invalidArgument(violations);
    const ended = new AbortController();
    try {
      if (runId !== "" && (await findRun(db, project.projectKey, runId, Infinity)) === null) {
        throw notFound("run", runId);
      }
      const signal = AbortSignal.any([context.signal, ended.signal]);
      const watcher = feeds.watch(project, { branch, runId }, signal);
      for (;;) {
        const message = await watcher.next(limits.watchHeartbeatMs);
        // The tokens of a deleted project end their streams; an admin token outlives it.
        await resolveProject(projectId, context);
        yield message;
      }
    } catch (error) {
      throw fromDbError(error, context.deadlineAt);
    } finally {
      // The reader may leave between two messages.
      ended.abort();
    }
  };
}
