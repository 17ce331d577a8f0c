/** GetRun: a run and its parts, derived from what is committed now, and the tests that it lacks. */
import type { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import { type MissingTest, readMissingTests } from "../../db/missing-tests.js";
import type { PartRecord } from "../../db/part-records.js";
import { readRunRecords } from "../../db/run-records.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { deriveRun } from "../../ingest/run-state.js";
import { checkRunId } from "../../ingest/validate-run.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { partMessage, runMessage } from "../run-message.js";
import { textsWithin } from "./page-texts.js";
import type { KeyedStatsDeps } from "./stats-deps.js";
import { testMessage } from "./test-message.js";

/** The handler of GetRun. */
export function getRun(deps: KeyedStatsDeps): Handler<typeof StatsService.method.getRun> {
  return async ({ projectId: requested, runId }, context) => {
    const { projectKey, projectId } = await deps.resolveProject(requested, context);
    const violations: Violation[] = [];
    checkRunId(violations, "run_id", runId);
    if (violations.length > 0) throw invalidArgument(violations);
    const { deadlineAt } = context;
    try {
      const runKey = await deps.keys.run(projectKey, runId, deadlineAt);
      if (runKey === null) throw notFound("run", runId);
      const [record] = await readRunRecords(deps.db, projectKey, [runKey], deadlineAt);
      if (record === undefined) throw notFound("run", runId);
      const limit = limits.missingTests;
      const missing = record.lacksTests
        ? await readMissingTests(deps.db, projectKey, runKey, limit, deadlineAt)
        : NONE_MISSING;
      const parts = textsWithin(record.parts, partTexts, limits.runPartBytes);
      return {
        run: runMessage(projectId, record, deriveRun(record)),
        parts: parts.map(partMessage),
        partsTruncated: parts.length < record.parts.length,
        missingTests: missing.first.map(missingMessage),
        missingTestCount: BigInt(missing.count),
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

const partTexts = ({ job, producer }: PartRecord) => [job, producer];

const NONE_MISSING = { count: 0, first: [] };

function missingMessage({ test, job, lastRunId }: MissingTest) {
  return { testId: test.testId, test: testMessage(test), job, lastRunId };
}
