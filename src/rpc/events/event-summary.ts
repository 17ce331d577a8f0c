/** What a stream of events answers: counts, and the first events that need a look. */
import { create } from "@bufbuild/protobuf";
import {
  type IngestedEvent as IngestedEventMessage,
  IngestedEventSchema,
} from "../../../gen/tally/v1/event_pb.js";
import {
  type IngestEventsResponse,
  IngestEventsResponseSchema,
} from "../../../gen/tally/v1/event_service_pb.js";
import type { IngestedEvent } from "../../events/event-answer.js";
import { limits } from "../../limits.js";
import { ingestedEventMessage } from "./ingested-event.js";

/** A summary before anything is counted. */
export function emptyEventSummary(): IngestEventsResponse {
  return create(IngestEventsResponseSchema);
}

/** Counts a batch; conflicts, refusals and events with warnings are listed while there is room. */
export function addEvents(summary: IngestEventsResponse, events: readonly IngestedEvent[]): void {
  for (const event of events) {
    summary.receivedCount += 1n;
    summary[COUNTS[event.outcome]] += 1n;
    if (event.rejectionId !== "") {
      if (!list(summary.refusals, event)) summary.refusalsTruncated = true;
    } else if (event.warnings.length > 0) {
      summary.warnedCount += 1n;
      list(summary.warned, event);
    }
  }
}

/** False if there is no room. */
function list(listed: IngestedEventMessage[], event: IngestedEvent): boolean {
  if (listed.length === limits.rejectionsPerAnswer) return false;
  listed.push(create(IngestedEventSchema, ingestedEventMessage(event)));
  return true;
}

const COUNTS = {
  processed: "processedCount",
  queued: "queuedCount",
  duplicate: "duplicateCount",
  conflict: "conflictCount",
  rejected: "rejectedCount",
} as const;
