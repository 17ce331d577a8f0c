/** GetRun: a run and its parts, derived from what is committed now. */
import type { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { findRun } from "../../db/run-lists.js";
import { readRunRecords } from "../../db/run-records.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { deriveRun } from "../../ingest/run-state.js";
import { checkRunId } from "../../ingest/validate-run.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { partMessage, runMessage } from "../run-message.js";
import type { StatsDeps } from "./stats-deps.js";

/** The handler of GetRun. */
export function getRun(deps: StatsDeps): Handler<typeof StatsService.method.getRun> {
  return async ({ projectId: requested, runId }, context) => {
    const { projectKey, projectId } = await deps.resolveProject(requested, context);
    const violations: Violation[] = [];
    checkRunId(violations, "run_id", runId);
    if (violations.length > 0) throw invalidArgument(violations);
    const { deadlineAt } = context;
    try {
      const runKey = await findRun(deps.db, projectKey, runId, deadlineAt);
      const keys = runKey === null ? [] : [runKey];
      const [record] = await readRunRecords(deps.db, projectKey, keys, deadlineAt);
      if (record === undefined) throw notFound("run", runId);
      return {
        run: runMessage(projectId, record, deriveRun(record)),
        parts: record.parts.map(partMessage),
      };
    } catch (error) {
      throw fromDbError(error);
    }
  };
}
