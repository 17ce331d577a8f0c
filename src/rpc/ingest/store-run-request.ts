/** Everything that an IngestRun does, for the call itself and for the replay of a refused one. */
import type { IngestRunRequest } from "../../../gen/tally/v1/ingest_service_pb.js";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import type { RetryOptions } from "../../db/retry.js";
import type { Violation } from "../../errors.js";
import { type BatchOutcome, ingestBatch } from "../../ingest/ingest-batch.js";
import { checkCount, toMicros } from "../../ingest/rules.js";
import { validatePart, validateRun } from "../../ingest/validate-run.js";
import type { ProjectRef } from "../resolve-project.js";
import { finishTarget } from "./finish-target.js";
import type { IngestDeps } from "./ingest-deps.js";
import { keepConflict, requestPaths } from "./keep-conflict.js";
import { openTarget } from "./open-target.js";
import { addConflicts, addOutcome, emptySummary, type Summary } from "./summary.js";

/** All that is wrong with the run and part of an IngestRun; its results are judged one by one. */
export function validateRunRequest(request: IngestRunRequest): Violation[] {
  const violations = [...validateRun(request.run), ...validatePart(request.part)];
  checkCount(violations, "expected_result_count", request.expectedResultCount);
  if (request.expectedResultCount !== undefined && request.run?.status === Status.UNSPECIFIED) {
    violations.push({
      field: "expected_result_count",
      description: "needs run.status: it finishes the part",
    });
  }
  return violations;
}

/**
 * Opens the run, stores the results, finishes the part if a status is given. `conflicts` are what `run_conflict` names,
 * with the paths that they have in the request, `conflictId` is the rejection of their copy.
 */
export async function storeRunRequest(
  deps: IngestDeps,
  project: ProjectRef,
  tokenId: string,
  request: IngestRunRequest,
  retry: RetryOptions,
): Promise<{
  summary: Summary;
  outcome: BatchOutcome;
  conflicts: readonly Violation[];
  conflictId: string;
}> {
  const violations = validateRunRequest(request);
  const { run, expectedResultCount } = request;
  const finishes = run !== undefined && run.status !== Status.UNSPECIFIED;
  if (request.results.length === 0 && !finishes) {
    // No statement of its own would find out that the run is gone: the database is asked for it anew.
    deps.runs.forget(project.projectKey, run?.runId ?? "");
  }
  const opening = { request, violations, streamed: false };
  const opened = await openTarget(deps, project, tokenId, opening, retry);
  const { target } = opened;
  const outcome = await ingestBatch(deps, target, request.results, 0, retry);
  const summary = emptySummary(target.runId);
  summary.runDuplicate = opened.runDuplicate;
  addOutcome(summary, outcome);

  const differing = [...opened.runConflict];
  if (finishes) {
    const finish = {
      status: run.status,
      finishUs: run.finishTime === undefined ? null : toMicros(run.finishTime),
      durationUs: run.duration === undefined ? null : toMicros(run.duration),
      expectedCount: expectedResultCount === undefined ? null : Number(expectedResultCount),
    };
    const { conflicts, otherProducers } = await finishTarget(deps, target, finish, retry);
    differing.push(...conflicts);
    summary.otherProducers = [...otherProducers];
  }
  addConflicts(summary, differing);
  const conflicts = requestPaths(differing);
  const conflictId = await keepConflict(deps, target, request, conflicts, retry);
  if (finishes || opened.unsettled || outcome.unsettled) {
    await deps.settleRun(target.projectKey, target.runKey, retry);
  }
  return { summary, outcome, conflicts, conflictId };
}
