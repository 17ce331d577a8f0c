/** IngestEvent: one event of loose JSON. */
import type { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import { invalidArgument } from "../../errors.js";
import type { IngestedEvent } from "../../events/event-answer.js";
import type { Handler } from "../handler.js";
import { retryOf } from "../ingest/ingest-deps.js";
import { incomingEvent, ingestBatchOfEvents, isQueued, sizeOfEvents } from "./event-batch.js";
import type { EventIngestDeps } from "./event-deps.js";
import { ingestedEventMessage } from "./ingested-event.js";

type IngestEvent = Handler<typeof EventService.method.ingestEvent>;

/** The handler of IngestEvent. */
export function ingestEvent(deps: EventIngestDeps): IngestEvent {
  const ingest = ingestHeldEvent(deps);
  return async (request, context) => {
    const { projectId } = await deps.resolveProject(request.projectId, context);
    const { event } = request;
    const room = deps.budget.claim(projectId, sizeOfEvents(event === undefined ? [] : [event]));
    await room.granted;
    try {
      return await ingest(request, context);
    } finally {
      room.shrink(0);
    }
  };
}

/** The same for an event that has its room among the uncommitted bytes of the server. */
export function ingestHeldEvent(deps: EventIngestDeps): IngestEvent {
  return async ({ projectId, event: input, mode }, context) => {
    const queued = isQueued(mode, "mode");
    if (input === undefined) {
      throw invalidArgument([{ field: "event", description: "is required" }]);
    }
    const project = await deps.resolveProject(projectId, context);
    const call = { project, queued, fault: deps.faults.of(context), context };
    const batch = { events: [incomingEvent(input)], firstIndex: 0 };
    const [event] = await ingestBatchOfEvents(deps, call, batch, retryOf(deps, context));
    if (event === undefined) throw new Error("an event has no outcome");
    if (event.outcome === "rejected") throw refusal(event);
    return { event: ingestedEventMessage(event) };
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
