/** Ends a part, once. */
import type { RetryOptions } from "../../db/retry.js";
import { withRetries } from "../../db/retry.js";
import { finishPart, type PartFinish } from "../../db/run-parts.js";
import type { Violation } from "../../errors.js";
import type { IngestTarget } from "../../ingest/ingest-batch.js";
import { storedOtherwise } from "../../ingest/run-facts.js";
import { RunGone } from "../../ingest/write-job.js";
import type { IngestDeps } from "./ingest-deps.js";

export interface FinishedTarget {
  /** The facts whose stored value differs: those of the first finish stay. */
  readonly conflicts: readonly Violation[];
  readonly otherProducers: readonly string[];
}

/** Ends the part and tells what else is known of it. */
export async function finishTarget(
  deps: IngestDeps,
  target: IngestTarget,
  finish: PartFinish,
  retry: RetryOptions,
): Promise<FinishedTarget> {
  const { projectKey, runKey, partId } = target;
  const stored = await withRetries(
    () => finishPart(deps.db, projectKey, runKey, partId, finish, retry.deadlineAt),
    retry,
  );
  if (stored === null) throw new RunGone();
  const { first, otherProducers } = stored;
  return {
    conflicts: first ? [] : finishConflicts(finish, stored).map(storedOtherwise),
    otherProducers,
  };
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
