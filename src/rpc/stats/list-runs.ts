/** ListRuns: a page of runs, newest first, each derived from what is committed now. */
import { RunState } from "../../../gen/tally/v1/run_pb.js";
import type { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { listRunKeys, type RunListKey } from "../../db/run-lists.js";
import { readRunRecords } from "../../db/run-records.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { deriveRun } from "../../ingest/run-state.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { runMessage } from "../run-message.js";
import type { StatsDeps } from "./stats-deps.js";

/** The handler of ListRuns. */
export function listRuns(deps: StatsDeps): Handler<typeof StatsService.method.listRuns> {
  return async (request, context) => {
    const { branch, state, pageToken } = request;
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const violations: Violation[] = [];
    checkName(violations, "branch", branch, limits.nameBytes);
    if (RunState[state] === undefined) {
      violations.push({ field: "state", description: `${state} is no state` });
    }
    if (violations.length > 0) throw invalidArgument(violations);
    const size = pageSize(request.pageSize);
    const scope = { query: JSON.stringify(["ListRuns", branch, state]), projectId };
    const after = deps.pageTokens.open(pageToken, scope) as RunListKey | null;
    const { deadlineAt } = context;
    try {
      const filter = { branch, state };
      const keys = await listRunKeys(deps.db, projectKey, filter, after, size + 1, deadlineAt);
      const page = keys.slice(0, size);
      const records = await readRunRecords(deps.db, projectKey, page, deadlineAt);
      const byKey = new Map(records.map((record) => [record.runKey, record]));
      const runs = page.flatMap((key) => byKey.get(key) ?? []);
      const last = runs.at(-1);
      const more = keys.length > size && last !== undefined;
      return {
        runs: runs.map((record) => runMessage(projectId, record, deriveRun(record))),
        nextPageToken: more
          ? deps.pageTokens.seal({ ...scope, key: { createUs: last.createUs, runId: last.runId } })
          : "",
      };
    } catch (error) {
      throw fromDbError(error);
    }
  };
}
