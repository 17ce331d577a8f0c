/** DismissRejections: closes what nobody needs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RejectionService } from "../../../gen/tally/v1/rejection_service_pb.js";
import {
  type ClosedRejection,
  dismissRejections as dismissStored,
  listRejectionKeys,
} from "../../db/rejections.js";
import { type RetryOptions, withRetries } from "../../db/retry.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkName } from "../../ingest/rules.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { retryOf, tokenOf } from "../ingest/ingest-deps.js";
import { checkSelection, isRejectionId, openOnly, toFilter } from "./filter.js";
import type { RejectionDeps } from "./rejection-deps.js";

/** The handler of DismissRejections. */
export function dismissRejections(
  deps: RejectionDeps,
): Handler<typeof RejectionService.method.dismissRejections> {
  return async (request, context) => {
    const retry = retryOf(deps, context);
    const { deadlineAt } = retry;
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    checkSelection("rejection_ids", request.rejectionIds.length, request.filter !== undefined);
    const violations: Violation[] = [];
    checkName(violations, "note", request.note, limits.nameBytes);
    if (violations.length > 0) throw invalidArgument(violations);
    try {
      let wanted = request.rejectionIds;
      let more = false;
      if (request.filter !== undefined) {
        const filter = openOnly(toFilter(request.filter));
        const limit = limits.rejectionsPerCall;
        const page = { after: null, limit: limit + 1 };
        const found =
          filter === null
            ? []
            : await listRejectionKeys(deps.db, projectKey, filter, page, deadlineAt);
        wanted = found.slice(0, limit).map(({ rejectionId }) => rejectionId);
        more = found.length > limit;
      }
      const ids = wanted.filter(isRejectionId);
      const closing = { closedBy: tokenOf(context), note: request.note };
      const closed = await dismissAll(deps, projectKey, ids, closing, retry);
      const runKeys = new Set(closed.map(({ runKey }) => runKey));
      for (const runKey of runKeys) {
        if (runKey !== null) await deps.settleRun(projectKey, runKey, retry);
      }
      const closedIds = new Set(closed.map(({ rejectionId }) => rejectionId));
      context.log.info({
        event: "rejections_dismissed",
        project_id: projectId,
        count: closedIds.size,
      });
      return {
        dismissedCount: closedIds.size,
        skippedRejectionIds: wanted.filter((id) => !closedIds.has(id)),
        more,
      };
    } catch (error) {
      throw fromDbError(error, context.deadlineAt);
    }
  };
}

/** How soon those that were being replayed are asked for again. */
const AGAIN_MS = 50;

/** Closes those that are open; one that is being replayed once that has ended, if it is open then. */
async function dismissAll(
  { db }: RejectionDeps,
  projectKey: string,
  ids: readonly string[],
  closing: { readonly closedBy: string; readonly note: string },
  retry: RetryOptions,
): Promise<ClosedRejection[]> {
  const all: ClosedRejection[] = [];
  let wanted = ids;
  for (;;) {
    const { closed, replayed } = await withRetries(
      () => dismissStored(db, projectKey, wanted, closing, retry.deadlineAt),
      retry,
    );
    all.push(...closed);
    if (replayed.length === 0) return all;
    wanted = replayed;
    await sleep(AGAIN_MS);
  }
}
