/** ReplayRejections: sends kept items through ingestion again, mended or as they are. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type RejectionFilter,
  type RejectionService,
  type ReplayEntry,
  ReplayEntrySchema,
  ReplayOutcome,
  type ReplayRejectionsResponseSchema,
  type ReplayResultSchema,
} from "../../../gen/tally/v1/rejection_service_pb.js";
import {
  closeRejections,
  listRejectionKeys,
  REJECTION_STATES,
  type RejectionKey,
  readRejection,
  readRejectionInTurn,
  replayTurn,
  type StoredRejection,
} from "../../db/rejections.js";
import { withRetries } from "../../db/retry.js";
import { invalidArgument } from "../../errors.js";
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
    const replay = { deps, project, context, tokenId: tokenOf(context), retry, validateOnly };
    if (request.filter === undefined && request.pageToken !== "") {
      throw invalidArgument([{ field: "page_token", description: "goes with a filter" }]);
    }
    try {
      return request.filter === undefined
        ? { results: await replayAll(replay, request.entries, Infinity) }
        : await replayByFilter(replay, request.filter, request.pageToken);
    } catch (error) {
      throw fromDbError(error, context.deadlineAt);
    }
  };
}

async function replayByFilter(
  replay: Replay,
  message: RejectionFilter,
  pageToken: string,
): Promise<MessageInitShape<typeof ReplayRejectionsResponseSchema>> {
  const { deps, project, retry } = replay;
  const filter = openOnly(toFilter(message));
  const scope = {
    query: JSON.stringify(["ReplayRejections", filter]),
    projectId: project.projectId,
  };
  const after = deps.pageTokens.open(pageToken, scope) as RejectionKey | null;
  if (filter === null) return {};
  const page = { after, limit: limits.rejectionsPerCall + 1 };
  const found = await listRejectionKeys(
    deps.db,
    project.projectKey,
    filter,
    page,
    retry.deadlineAt,
  );
  const entries = found
    .slice(0, limits.rejectionsPerCall)
    .map(({ rejectionId }) => create(ReplayEntrySchema, { rejectionId }));
  const results = await replayAll(replay, entries, REPLAYED_BYTES);
  const more = results.length < found.length;
  const key = found[results.length - 1];
  const nextPageToken = more && key !== undefined ? deps.pageTokens.seal({ key, ...scope }) : "";
  return { results, more, nextPageToken };
}

/** Kept bytes that one call by filter takes up. */
const REPLAYED_BYTES = 16 * 1024 * 1024;

/**
 * The entries go through ingestion one after the other, until what was kept of them passes `maxBytes`. Each is read when
 * its turn comes: it may have been closed since the call began, also by an entry before it, and all of them need not
 * fit into memory.
 */
async function replayAll(
  replay: Replay,
  entries: readonly ReplayEntry[],
  maxBytes: number,
): Promise<MessageInitShape<typeof ReplayResultSchema>[]> {
  const results: MessageInitShape<typeof ReplayResultSchema>[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (bytes > maxBytes) break;
    const { rejectionId } = entry;
    const { size, ...judgement } = isRejectionId(rejectionId)
      ? await replayInTurn(replay, entry)
      : { size: 0, outcome: ReplayOutcome.NOT_FOUND };
    bytes += size;
    results.push({ rejectionId, ...judgement });
  }
  return results;
}

/**
 * Two calls that replay one rejection could store what each puts in its place: the later one finds it closed. A dismissal
 * waits until nobody replays it.
 */
async function replayInTurn(
  replay: Replay,
  entry: ReplayEntry,
): Promise<Judgement & { readonly size: number }> {
  const { deps, project, retry, validateOnly } = replay;
  const { projectKey } = project;
  const { rejectionId } = entry;
  const { deadlineAt } = retry;
  await using _turn = validateOnly
    ? undefined
    : await withRetries(
        () => deps.turns.take(replayTurn(projectKey, rejectionId), deadlineAt),
        retry,
      );
  const read = validateOnly ? readRejection : readRejectionInTurn;
  const rejection = await withRetries(
    () => read(deps.db, projectKey, rejectionId, deadlineAt),
    retry,
  );
  if (rejection === null) return { size: 0, outcome: ReplayOutcome.NOT_FOUND };
  return { size: rejection.bytes?.length ?? 0, ...(await replayOne(replay, rejection, entry)) };
}

async function replayOne(
  replay: Replay,
  rejection: StoredRejection,
  entry: ReplayEntry,
): Promise<Judgement> {
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
