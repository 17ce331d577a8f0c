/** ReplayRejections: sends kept items through ingestion again, mended or as they are. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type RejectionService,
  type ReplayEntry,
  ReplayEntrySchema,
  ReplayOutcome,
  type ReplayResultSchema,
} from "../../../gen/tally/v1/rejection_service_pb.js";
import {
  closeRejections,
  listRejections,
  REJECTION_STATES,
  readRejections,
  type StoredRejection,
} from "../../db/rejections.js";
import { withRetries } from "../../db/retry.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { retryOf, tokenOf } from "../ingest/ingest-deps.js";
import { checkSelection, isRejectionId, openOnly, toFilter } from "./filter.js";
import type { RejectionDeps } from "./rejection-deps.js";
import type { Judgement, Replay } from "./replay.js";
import { replayItem } from "./replay-item.js";

/** The handler of ReplayRejections. */
export function replayRejections(
  deps: RejectionDeps,
): Handler<typeof RejectionService.method.replayRejections> {
  return async (request, context) => {
    const retry = retryOf(deps, context);
    const project = await deps.resolveProject(request.projectId, context);
    checkSelection("entries", request.entries.length, request.filter !== undefined);
    const { validateOnly } = request;
    const replay = { deps, project, tokenId: tokenOf(context), retry, validateOnly };
    try {
      if (request.filter === undefined) {
        const ids = request.entries.map((entry) => entry.rejectionId).filter(isRejectionId);
        const stored = await readRejections(deps.db, project.projectKey, ids, retry.deadlineAt);
        return { results: await replayAll(replay, request.entries, stored), more: false };
      }
      const filter = openOnly(toFilter(request.filter));
      const page = {
        after: null,
        limit: limits.rejectionsPerCall + 1,
        maxBytes: REPLAYED_BYTES,
        oldestFirst: true,
      };
      const found =
        filter === null
          ? []
          : await listRejections(deps.db, project.projectKey, filter, page, retry.deadlineAt);
      const stored = found.slice(0, limits.rejectionsPerCall);
      const entries = stored.map(({ rejectionId }) => create(ReplayEntrySchema, { rejectionId }));
      const bytes = stored.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
      return {
        results: await replayAll(replay, entries, stored),
        more: found.length > stored.length || bytes > REPLAYED_BYTES,
      };
    } catch (error) {
      throw fromDbError(error);
    }
  };
}

/** Kept bytes that one call by filter takes up. */
const REPLAYED_BYTES = 16 * 1024 * 1024;

/** The entries go through ingestion one after the other. */
async function replayAll(
  replay: Replay,
  entries: readonly ReplayEntry[],
  stored: readonly StoredRejection[],
): Promise<MessageInitShape<typeof ReplayResultSchema>[]> {
  const byId = new Map(stored.map((rejection) => [rejection.rejectionId, rejection]));
  const results: MessageInitShape<typeof ReplayResultSchema>[] = [];
  for (const entry of entries) {
    const rejection = byId.get(entry.rejectionId);
    const judgement = await replayOne(replay, rejection, entry);
    results.push({ rejectionId: entry.rejectionId, ...judgement });
  }
  return results;
}

async function replayOne(
  replay: Replay,
  rejection: StoredRejection | undefined,
  entry: ReplayEntry,
): Promise<Judgement> {
  if (rejection === undefined) return { outcome: ReplayOutcome.NOT_FOUND };
  if (rejection.state !== REJECTION_STATES.open) return { outcome: ReplayOutcome.ALREADY_CLOSED };
  const judgement = await replayItem(replay, rejection, entry);
  const { outcome } = judgement;
  const isStored = outcome === ReplayOutcome.ACCEPTED || outcome === ReplayOutcome.DUPLICATE;
  if (isStored && !replay.validateOnly) await resolveRejection(replay, rejection.rejectionId);
  return judgement;
}

/** Closes the rejection, once and only once, and derives the state of its run. */
async function resolveRejection(
  { deps: { db, settleRun }, project: { projectKey }, tokenId, retry }: Replay,
  rejectionId: string,
): Promise<void> {
  const closing = { state: REJECTION_STATES.resolved, closedBy: tokenId, note: "" };
  const closed = await withRetries(
    () => closeRejections(db, projectKey, [rejectionId], closing, retry.deadlineAt),
    retry,
  );
  for (const { runKey } of closed) {
    if (runKey !== null) await settleRun(projectKey, runKey, retry);
  }
}
