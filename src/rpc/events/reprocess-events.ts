/** ReprocessEvents: stored events read anew by today's rules. */
import type { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import type { EventKey } from "../../db/event-conditions.js";
import { listRawEvents } from "../../db/event-reprocessing.js";
import { reprocessEvents as reprocess } from "../../events/reprocess.js";
import { limits } from "../../limits.js";
import type { Handler } from "../handler.js";
import { retryOf, tokenOf } from "../ingest/ingest-deps.js";
import { toEventCallError } from "./event-batch.js";
import type { EventDeps } from "./event-deps.js";
import { toEventFilter } from "./event-filter.js";

/** Raw bytes that one call reads. */
const REPROCESSED_BYTES = 16 * 1024 * 1024;

/** The handler of ReprocessEvents. */
export function reprocessEvents(
  deps: EventDeps,
): Handler<typeof EventService.method.reprocessEvents> {
  return async (request, context) => {
    const { db, drawKey, pageTokens, policies } = deps;
    const project = await deps.resolveProject(request.projectId, context);
    const { projectKey, projectId } = project;
    const filter = toEventFilter(request.filter);
    const scope = { query: JSON.stringify(["ReprocessEvents", filter]), projectId };
    const after = pageTokens.open(request.pageToken, scope) as EventKey | null;
    const retry = retryOf(deps, context);
    const page = { after, limit: limits.eventsPerReprocessing, maxBytes: REPROCESSED_BYTES };
    try {
      const events = await listRawEvents(db, projectKey, filter, page, retry.deadlineAt);
      const policy = await policies.of(project);
      const { validateOnly } = request;
      const options = {
        db,
        projectKey,
        policy,
        actor: tokenOf(context),
        drawKey,
        retry,
        validateOnly,
      };
      const found = await reprocess(options, events);
      const bytes = events.reduce((sum, { raw }) => sum + raw.length, 0);
      const isFull = events.length === page.limit || bytes > page.maxBytes;
      const last = isFull ? events.at(-1) : undefined;
      const key = last && { receiveUs: last.receiveUs, eventId: hex(last.eventId) };
      return {
        examinedCount: BigInt(events.length),
        changedCount: BigInt(found.filter((event) => event.violations.length === 0).length),
        refusedCount: BigInt(found.filter((event) => event.violations.length > 0).length),
        events: found.slice(0, limits.rejectionsPerAnswer).map((event) => ({
          eventId: event.eventId,
          changedFields: [...event.changedFields],
          fieldViolations: [...event.violations],
        })),
        nextPageToken: key === undefined ? "" : pageTokens.seal({ key, ...scope }),
      };
    } catch (error) {
      throw toEventCallError(error, project, context.deadlineAt);
    }
  };
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString("hex");
}
