/** ListEvents: a page of stored events, newest received first. */
import type { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import type { EventKey } from "../../db/event-conditions.js";
import { listEvents as listStored } from "../../db/event-lists.js";
import { limits } from "../../limits.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { pageSize } from "../page-token.js";
import { toEventFilter } from "./event-filter.js";
import { eventMessage } from "./event-message.js";
import type { EventReadDeps } from "./event-read-deps.js";

/** The handler of ListEvents. */
export function listEvents(deps: EventReadDeps): Handler<typeof EventService.method.listEvents> {
  return async (request, context) => {
    const { projectKey, projectId } = await deps.resolveProject(request.projectId, context);
    const filter = toEventFilter(request.filter);
    const limit = pageSize(request.pageSize);
    const scope = { query: JSON.stringify(["ListEvents", filter]), projectId };
    const page = {
      after: deps.pageTokens.open(request.pageToken, scope) as EventKey | null,
      limit,
      maxBytes: limits.eventPageBytes,
      maxExamined: limits.eventsExaminedPerPage,
    };
    const { deadlineAt } = context;
    try {
      const { events, next } = await listStored(deps.db, projectKey, filter, page, deadlineAt);
      return {
        events: events.map(eventMessage),
        nextPageToken: next === null ? "" : deps.pageTokens.seal({ key: next, ...scope }),
      };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
  };
}
