/** FinishRun: closes a run as it stands. */
import type { FinishRunRequest, IngestService } from "../../../gen/tally/v1/ingest_service_pb.js";
import { REJECTION_REASONS } from "../../db/rejections.js";
import { type RetryOptions, withRetries } from "../../db/retry.js";
import { findRun } from "../../db/run-lists.js";
import { closeRun, type RunClosing } from "../../db/run-states.js";
import { invalidArgument, notFound, type Violation } from "../../errors.js";
import { partFacts, partId } from "../../ingest/identity.js";
import { refuseRequest } from "../../ingest/refusals.js";
import { checkCount, checkTime, toMicros } from "../../ingest/rules.js";
import { storedOtherwise } from "../../ingest/run-facts.js";
import { checkRunId, checkRunStatus } from "../../ingest/validate-run.js";
import { RunGone } from "../../ingest/write-job.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import { runMessage } from "../run-message.js";
import { type IngestDeps, retryOf, tokenOf } from "./ingest-deps.js";
import { closedDoor } from "./open-target.js";

/** The handler of FinishRun. */
export function finishRun(deps: IngestDeps): Handler<typeof IngestService.method.finishRun> {
  return async (request, context) => {
    const retry = retryOf(deps, context);
    const project = await deps.resolveProject(request.projectId, context);
    const violations = validateFinishRun(request);
    if (violations.length > 0) throw invalidArgument(violations);
    try {
      const closed = await closeRunRequest(deps, project, tokenOf(context), request, retry);
      const settled =
        closed === null ? null : await deps.settleRun(project.projectKey, closed.runKey, retry);
      if (closed === null || settled === null) throw notFound("run", request.runId);
      return {
        run: runMessage(project.projectId, settled.record, settled.derived),
        runDuplicate: closed.duplicate,
        runConflict: closed.conflicts,
      };
    } catch (error) {
      throw error instanceof RunGone
        ? notFound("run", request.runId)
        : fromDbError(error, context.deadlineAt);
    }
  };
}

/** All that is wrong with a FinishRun. */
export function validateFinishRun(request: FinishRunRequest): Violation[] {
  const violations: Violation[] = [];
  checkRunId(violations, "run_id", request.runId);
  if (request.status !== undefined) {
    checkRunStatus(violations, "status", request.status);
    if (request.status === 0) {
      violations.push({ field: "status", description: "is STATUS_UNSPECIFIED: leave it out" });
    }
  }
  checkCount(violations, "expected_result_count", request.expectedResultCount);
  checkTime(violations, "finish_time", request.finishTime);
  return violations;
}

/**
 * Closes the run, once; a repeat with other values is a conflict that is kept, as `conflictId`. Null if there is no run. Throws
 * FAILED_PRECONDITION for a run that takes nothing any more, unless it was closed with the same values.
 */
export async function closeRunRequest(
  deps: IngestDeps,
  project: ProjectRef,
  tokenId: string,
  request: FinishRunRequest,
  retry: RetryOptions,
): Promise<{
  runKey: string;
  duplicate: boolean;
  conflicts: string[];
  conflictId: string;
} | null> {
  const { db } = deps;
  const { projectKey } = project;
  const { runId } = request;
  const runKey = await withRetries(() => findRun(db, projectKey, runId, retry.deadlineAt), retry);
  if (runKey === null) return null;
  const closing: RunClosing = {
    status: request.status ?? null,
    expectedCount:
      request.expectedResultCount === undefined ? null : Number(request.expectedResultCount),
    finishUs: request.finishTime === undefined ? null : toMicros(request.finishTime),
  };
  const stored = await withRetries(
    () => closeRun(db, projectKey, runKey, closing, retry.deadlineAt),
    retry,
  );
  if (stored === null) return null;
  if (stored === "expired") throw closedDoor("expired", project.projectId, runId);
  const conflicts = stored.first ? [] : closingConflicts(closing, stored);
  if (conflicts.length > 0 && stored.expired) {
    throw closedDoor("expired", project.projectId, runId);
  }
  let conflictId = "";
  if (conflicts.length > 0) {
    const part = partFacts(undefined);
    conflictId = await refuseRequest(
      db,
      { projectKey, runId, runKey, part, partId: partId(part), tokenId, batchKey: deps.drawKey() },
      {
        request,
        reason: REJECTION_REASONS.conflict,
        violations: conflicts.map(storedOtherwise),
      },
      retry,
    );
  }
  return { runKey, duplicate: !stored.first, conflicts, conflictId };
}

/** What is given and differs; a time that the first call left to the server is no part of the check. */
function closingConflicts(sent: RunClosing, stored: RunClosing): string[] {
  const fields: string[] = [];
  if (sent.status !== null && sent.status !== stored.status) fields.push("status");
  if (sent.expectedCount !== null && sent.expectedCount !== stored.expectedCount) {
    fields.push("expected_result_count");
  }
  if (sent.finishUs !== null && stored.finishUs !== null && sent.finishUs !== stored.finishUs) {
    fields.push("finish_time");
  }
  return fields;
}
