/** IngestEvent: one event of loose JSON. */
import type { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import { invalidArgument } from "../../errors.js";
import type { IngestedEvent } from "../../events/event-answer.js";
import type { Handler } from "../handler.js";
import { retryOf } from "../ingest/ingest-deps.js";
import { incomingEvent, ingestBatchOfEvents, isQueued, sizeOfEvents } from "./event-batch.js";
import type { EventIngestDeps } from "./event-deps.js";
import { ingestedEventMessage } from "./ingested-event.js";

/** The handler of IngestEvent. */
export function ingestEvent(
  deps: EventIngestDeps,
): Handler<typeof EventService.method.ingestEvent> {
  return async ({ projectId, event: input, mode }, context) => {
    const queued = isQueued(mode, "mode");
    if (input === undefined) {
      throw invalidArgument([{ field: "event", description: "is required" }]);
    }
    const project = await deps.resolveProject(projectId, context);
    const call = { project, queued, fault: deps.faults.of(context), context };
    const room = deps.budget.claim(project.projectId, sizeOfEvents([input]));
    await room.granted;
    try {
      const batch = { events: [incomingEvent(input)], firstIndex: 0 };
      const [event] = await ingestBatchOfEvents(deps, call, batch, retryOf(deps, context));
      if (event === undefined) throw new Error("an event has no outcome");
      if (event.outcome === "rejected") throw refusal(event);
      return { event: ingestedEventMessage(event) };
    } finally {
      room.shrink(0);
    }
  };
}

/** The error of a refused event, which is kept. */
function refusal({ violations, rejectionId, eventId, repeatCount, duplicate }: IngestedEvent) {
  return invalidArgument(violations, {
    reason: "EVENT_REFUSED",
    metadata: {
      rejection_id: rejectionId,
      event_id: eventId,
      duplicate: String(duplicate),
      repeat_count: String(repeatCount),
    },
  });
}
