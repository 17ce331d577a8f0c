/** What the log and the metrics learn of an upload. */
import type { BatchOutcome } from "../../ingest/ingest-batch.js";
import type { CallContext } from "../handler.js";
import type { ProjectRef } from "../resolve-project.js";
import type { IngestDeps } from "./ingest-deps.js";
import type { Summary } from "./summary.js";

/** Ids that one line of the log names at most. */
const LOGGED_IDS = 10;

/** Counts the results of a batch, and logs its refusals in one line. */
export function reportBatch(
  deps: IngestDeps,
  project: ProjectRef,
  runId: string,
  outcome: BatchOutcome,
  startedAt: number,
  context: CallContext,
): void {
  const { results } = deps.metrics;
  if (outcome.acceptedCount > 0) results.inc({ outcome: "accepted" }, outcome.acceptedCount);
  if (outcome.duplicateCount > 0) results.inc({ outcome: "duplicate" }, outcome.duplicateCount);
  if (outcome.conflictCount > 0) results.inc({ outcome: "conflict" }, outcome.conflictCount);
  if (outcome.rejectedCount > 0) results.inc({ outcome: "rejected" }, outcome.rejectedCount);
  if (outcome.refused.length === 0) return;
  context.log.warn({
    event: "item_rejected",
    project_id: project.projectId,
    run_id: runId,
    conflict_count: outcome.conflictCount,
    rejected_count: outcome.rejectedCount,
    rejection_ids: outcome.refused.slice(0, LOGGED_IDS).map((item) => item.rejectionId),
    duration_ms: deps.now() - startedAt,
  });
}

/** Logs what an upload did, when its answer is ready. A duplicate is no error. */
export function reportUpload(
  deps: IngestDeps,
  project: ProjectRef,
  summary: Summary,
  startedAt: number,
  context: CallContext,
): void {
  const line = {
    project_id: project.projectId,
    run_id: summary.runId,
    accepted_count: Number(summary.acceptedCount),
    duplicate_count: Number(summary.duplicateCount),
    conflict_count: Number(summary.conflictCount),
    rejected_count: Number(summary.rejectedCount),
    duration_ms: deps.now() - startedAt,
  };
  context.log.info({ event: summary.runDuplicate ? "run_duplicate" : "run_ingested", ...line });
  if (summary.runConflict.length > 0) {
    context.log.warn({ event: "run_conflict", fields: summary.runConflict, ...line });
  }
}
