/** CompareRuns: what changed from a base run to a head run. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TestChangeSchema, TestChangesSchema } from "../../../gen/tally/v1/stats_pb.js";
import type { CompareRunsRequest, StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import {
  type ChangeKind,
  compareRuns as compareStored,
  type Outcome,
  type RunComparison,
  type TestDifference,
} from "../../db/run-comparison.js";
import { type RunRecord, readRunSummaries } from "../../db/run-records.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { deriveRun } from "../../ingest/run-state.js";
import { checkRunId } from "../../ingest/validate-run.js";
import { limits } from "../../limits.js";
import { cutText } from "../../text.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { runMessage, timestamp } from "../run-message.js";
import { identityTexts, textsWithin } from "./page-texts.js";
import type { KeyedStatsDeps } from "./stats-deps.js";
import { testMessage } from "./test-message.js";

/** The handler of CompareRuns. */
export function compareRuns({
  db,
  keys,
  resolveProject,
}: KeyedStatsDeps): Handler<typeof StatsService.method.compareRuns> {
  return async (request, context) => {
    const { projectKey, projectId } = await resolveProject(request.projectId, context);
    const listSize = checkRequest(request);
    const { baseRunId, headRunId } = request;
    const { deadlineAt } = context;
    try {
      const baseKey = await keys.run(projectKey, baseRunId, deadlineAt);
      if (baseKey === null) throw notFound("run", baseRunId, "base_run_id");
      const headKey = await keys.run(projectKey, headRunId, deadlineAt);
      if (headKey === null) throw notFound("run", headRunId, "head_run_id");
      const compared = await compareStored(
        db,
        projectKey,
        baseKey,
        headKey,
        listSize,
        limits.quotedMessageBytes,
        deadlineAt,
      );
      const records = await readRunSummaries(db, projectKey, [baseKey, headKey], deadlineAt);
      const base = records.find(({ runKey }) => runKey === baseKey);
      if (base === undefined) throw notFound("run", baseRunId, "base_run_id");
      const head = records.find(({ runKey }) => runKey === headKey);
      if (head === undefined) throw notFound("run", headRunId, "head_run_id");
      const message = (record: RunRecord) => runMessage(projectId, record, deriveRun(record));
      return { base: message(base), head: message(head), ...changesMessage(compared) };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}

/** How many changes of a kind are listed. Throws INVALID_ARGUMENT with all that is wrong. */
function checkRequest({ baseRunId, headRunId, listSize }: CompareRunsRequest): number {
  const violations: Violation[] = [];
  checkRunId(violations, "base_run_id", baseRunId);
  checkRunId(violations, "head_run_id", headRunId);
  if (listSize < 0) violations.push({ field: "list_size", description: `${listSize} is negative` });
  if (violations.length > 0) throw invalidArgument(violations);
  return listSize === 0 ? limits.changesDefault : Math.min(listSize, limits.changesMax);
}

function changesMessage(compared: RunComparison) {
  const of = (kind: ChangeKind): MessageInitShape<typeof TestChangesSchema> => ({
    count: BigInt(compared.counts[kind]),
    changes: listed(compared.changes[kind]).map(changeMessage),
  });
  return {
    newlyFailing: of("newlyFailing"),
    fixed: of("fixed"),
    stillFailing: of("stillFailing"),
    added: of("added"),
    missing: of("missing"),
    slower: of("slower"),
    addedFailingCount: BigInt(compared.addedFailing),
  };
}

/** The first changes whose texts fit in a list together; one at least. */
function listed(changes: readonly TestDifference[]): readonly TestDifference[] {
  const textsOf = ({ test, failureMessage }: TestDifference) => [
    ...identityTexts(test),
    failureMessage ?? "",
  ];
  return textsWithin(changes, textsOf, limits.changesBytes);
}

function changeMessage(change: TestDifference): MessageInitShape<typeof TestChangeSchema> {
  const { test, base, head, failureMessage } = change;
  return {
    testId: test.testId,
    test: testMessage(test),
    ...(base === null ? {} : { baseStatus: base.status, ...durationOf("baseDuration", base) }),
    ...(head === null ? {} : { headStatus: head.status, ...durationOf("headDuration", head) }),
    failureMessage: cutText(failureMessage ?? "", limits.quotedMessageBytes),
  };
}

function durationOf(field: "baseDuration" | "headDuration", { durationUs }: Outcome) {
  return durationUs === null ? {} : { [field]: timestamp(durationUs) };
}
