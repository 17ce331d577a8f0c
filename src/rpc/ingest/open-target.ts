/** From the run and part of a message to the place where its results go. */
import { Code, type ConnectError } from "@connectrpc/connect";
import type { IngestRunRequest } from "../../../gen/tally/v1/ingest_service_pb.js";
import { REJECTION_REASONS } from "../../db/rejections.js";
import type { RetryOptions } from "../../db/retry.js";
import { callError, invalidArgument, notFound, type Violation } from "../../errors.js";
import { partFacts, partId } from "../../ingest/identity.js";
import type { IngestTarget } from "../../ingest/ingest-batch.js";
import { refuseRequest } from "../../ingest/refusals.js";
import { runFacts } from "../../ingest/run-facts.js";
import { limits } from "../../limits.js";
import type { ProjectRef } from "../resolve-project.js";
import type { IngestDeps } from "./ingest-deps.js";

export interface OpenedTarget {
  readonly target: IngestTarget;
  /** The run was known before. */
  readonly runDuplicate: boolean;
  /** Fields of run and part that are not stored as they were given; the caller keeps the copy. */
  readonly runConflict: readonly Violation[];
  /** The run's state may have changed. */
  readonly unsettled: boolean;
}

/** What a message says of a run, and what is wrong with it. */
export interface Opening {
  /** As it is kept if it is refused. */
  readonly request: IngestRunRequest;
  readonly violations: readonly Violation[];
  readonly streamed: boolean;
}

/**
 * The run and part, stored if they are new. Throws INVALID_ARGUMENT for a run or part that breaks a rule,
 * which is kept, and FAILED_PRECONDITION for a run that takes nothing any more or has no room for the part.
 */
export async function openTarget(
  deps: IngestDeps,
  project: ProjectRef,
  tokenId: string,
  { request, violations, streamed }: Opening,
  retry: RetryOptions,
): Promise<OpenedTarget> {
  const part = partFacts(request.part);
  const id = partId(part);
  const { run } = request;
  const runId = run?.runId ?? "";
  const { projectKey } = project;
  if (violations.length > 0 || run === undefined) {
    deps.metrics.runs.inc({ outcome: "rejected" });
    const rejectionId = await refuseRequest(
      deps.db,
      { projectKey, runId, part, partId: id, tokenId, runKey: null, batchKey: deps.drawKey() },
      { request, reason: REJECTION_REASONS.invalid, violations },
      retry,
    );
    throw invalidArgument(violations, { metadata: { rejection_id: rejectionId } });
  }
  const facts = runFacts(run, deps.now() * 1000);
  // Written out: spreading takes 10 µs here.
  const { job, attempt, shardIndex, shardTotal, producer } = part;
  const row = { job, attempt, shardIndex, shardTotal, producer, partId: id, streamed };
  const opened = await deps.runs.open(projectKey, runId, facts, row, retry);
  if (opened === "full") throw tooManyParts(streamed ? "open.part" : "part", runId);
  if (typeof opened === "string") throw closedDoor(opened, project.projectId, runId);
  const { runKey, runDay, duplicate, conflicts, unsettled } = opened;
  deps.metrics.runs.inc({
    outcome: conflicts.length > 0 ? "conflict" : duplicate ? "duplicate" : "accepted",
  });
  return {
    target: { projectKey, runId, part, partId: id, tokenId, runKey, runDay },
    runDuplicate: duplicate,
    runConflict: conflicts,
    unsettled,
  };
}

/** Why a run takes nothing. */
export function closedDoor(
  reason: "project-gone" | "deleted" | "expired",
  projectId: string,
  runId: string,
): ConnectError {
  switch (reason) {
    case "project-gone":
      return notFound("project", projectId);
    case "deleted":
      return callError(Code.FailedPrecondition, `run ${JSON.stringify(runId)} is deleted`, {
        reason: "RUN_DELETED",
      });
    case "expired":
      return callError(
        Code.FailedPrecondition,
        `the results of run ${JSON.stringify(runId)} have left by retention`,
        { reason: "RUN_EXPIRED" },
      );
  }
}

/** FAILED_PRECONDITION: no later try can cure it, unlike RESOURCE_EXHAUSTED. Nothing is kept: whoever sends has it. */
function tooManyParts(field: string, runId: string): ConnectError {
  const description = `is new, and the run has ${limits.runParts.toLocaleString("en-US")} parts, the most`;
  return callError(Code.FailedPrecondition, `${field}: ${description}: ${JSON.stringify(runId)}`, {
    reason: "TOO_MANY_PARTS",
    violations: [{ field, description }],
  });
}
