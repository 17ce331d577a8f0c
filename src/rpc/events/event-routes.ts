/** EventService: a missing RPC does not compile. */
import { EventService } from "../../../gen/tally/v1/event_service_pb.js";
import type { Route } from "../handler.js";
import { aggregateEvents } from "./aggregate-events.js";
import type { EventDeps } from "./event-deps.js";
import { getEvent } from "./get-event.js";
import { getEventStats } from "./get-event-stats.js";
import { ingestEvent } from "./ingest-event.js";
import { ingestEvents } from "./ingest-events.js";
import { listEvents } from "./list-events.js";
import { reprocessEvents } from "./reprocess-events.js";

/** The service with its handlers and scopes. */
export function eventRoute(deps: EventDeps): Route<typeof EventService> {
  return {
    service: EventService,
    handlers: {
      ingestEvent: ingestEvent(deps),
      ingestEvents: ingestEvents(deps),
      getEvent: getEvent(deps),
      listEvents: listEvents(deps),
      aggregateEvents: aggregateEvents(deps),
      getEventStats: getEventStats(deps),
      reprocessEvents: reprocessEvents(deps),
    },
    access: {
      ingestEvent: "ingest",
      ingestEvents: "ingest",
      getEvent: "read",
      listEvents: "read",
      aggregateEvents: "read",
      getEventStats: "read",
      reprocessEvents: "manage",
    },
  };
}
