/** GetEvent: an event with what was sent and what happened to it, also a refused one. */
import type { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import { readEvent, readRefusedEvent } from "../../db/event-reads.js";
import { EVENT_STATES } from "../../db/event-rows.js";
import { invalidArgument, notFound } from "../../errors.js";
import { parseEventId } from "../../events/event-id.js";
import { quote } from "../../text.js";
import { fromDbError } from "../database-error.js";
import type { Handler } from "../handler.js";
import { droppedEventMessage, fullEventMessage, refusedEventMessage } from "./event-message.js";
import type { EventReadDeps } from "./event-read-deps.js";

/** The handler of GetEvent. */
export function getEvent(deps: EventReadDeps): Handler<typeof EventService.method.getEvent> {
  return async ({ projectId: requested, eventId }, context) => {
    const { projectKey } = await deps.resolveProject(requested, context);
    const id = parseEventId(eventId);
    if (id === undefined) {
      const description =
        eventId === "" ? "is required" : `${quote(eventId)} is not evt_ and 32 hexadecimal digits`;
      throw invalidArgument([{ field: "event_id", description }]);
    }
    const { deadlineAt } = context;
    try {
      const stored = await readEvent(deps.db, projectKey, id, deadlineAt);
      if (stored !== null) {
        const isDropped = stored.event.state === EVENT_STATES.dropped;
        return { event: isDropped ? droppedEventMessage(stored.event) : fullEventMessage(stored) };
      }
      const refused = await readRefusedEvent(deps.db, projectKey, id, eventId, deadlineAt);
      if (refused !== null) return { event: refusedEventMessage(eventId, refused) };
    } catch (error) {
      throw fromDbError(error, deadlineAt);
    }
    throw notFound("event", eventId);
  };
}
