/** Ends a part, once; a repeat with other values is a conflict that is kept. */
import type { IngestRunRequest } from "../../../gen/tally/v1/ingest_service_pb.js";
import type { RetryOptions } from "../../db/retry.js";
import { withRetries } from "../../db/retry.js";
import { finishPart, type PartFinish } from "../../db/run-parts.js";
import type { IngestTarget } from "../../ingest/ingest-batch.js";
import { refuseRequest } from "../../ingest/refusals.js";
import { RunGone } from "../../ingest/write-job.js";
import type { IngestDeps } from "./ingest-deps.js";
import { conflictingRequest } from "./open-target.js";

/** Names of the finish facts whose stored value differs. `request` is how such a conflict is kept. */
export async function finishTarget(
  deps: IngestDeps,
  target: IngestTarget,
  finish: PartFinish,
  request: IngestRunRequest,
  retry: RetryOptions,
): Promise<string[]> {
  const { projectKey, runKey, partId } = target;
  const stored = await withRetries(
    () => finishPart(deps.db, projectKey, runKey, partId, finish, retry.deadlineAt),
    retry,
  );
  if (stored === null) throw new RunGone();
  const conflicts = stored.first ? [] : finishConflicts(finish, stored);
  if (conflicts.length > 0) {
    const origin = { ...target, batchKey: deps.drawKey() };
    await refuseRequest(deps.db, origin, conflictingRequest(request, conflicts), retry);
  }
  return conflicts;
}

/** What is given and differs; a time that the first finish left to the server is no part of the check. */
function finishConflicts(sent: PartFinish, stored: PartFinish): string[] {
  const fields: string[] = [];
  if (sent.status !== null && sent.status !== stored.status) fields.push("status");
  if (sent.finishUs !== null && stored.finishUs !== null && sent.finishUs !== stored.finishUs) {
    fields.push("finish_time");
  }
  if (sent.durationUs !== null && sent.durationUs !== stored.durationUs) fields.push("duration");
  if (sent.expectedCount !== null && sent.expectedCount !== stored.expectedCount) {
    fields.push("expected_result_count");
  }
  return fields;
}
