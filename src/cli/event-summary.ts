/** What became of the events of a file, added up over its batches. */
import type { IngestedEvent } from "../../gen/tally/v1/event_pb.js";
import type { IngestEventsResponse } from "../../gen/tally/v1/event_service_pb.js";
import { limits } from "../limits.js";

/** The counts add up to `receivedCount`, but for `warnedCount`. */
export interface EventSummary {
  readonly receivedCount: number;
  readonly processedCount: number;
  readonly queuedCount: number;
  /** Stored before; also what was stored by a batch that had to be sent again. */
  readonly duplicateCount: number;
  readonly conflictCount: number;
  readonly rejectedCount: number;
  readonly warnedCount: number;
  /** Conflicts, refusals and events with warnings, the first 100, by line. */
  readonly events: readonly LocatedEvent[];
  readonly eventsTruncated: boolean;
}

/** What became of an event, and where it was in the file. */
export interface LocatedEvent {
  readonly line: number;
  readonly event: IngestedEvent;
}

export interface EventSummaryBuilder {
  /** Adds the answer to a batch of events. */
  add(answer: IngestEventsResponse, batch: readonly { readonly line: number }[]): void;
  read(): EventSummary;
}

/** A summary of nothing yet. */
export function createEventSummary(): EventSummaryBuilder {
  const counts = {
    receivedCount: 0,
    processedCount: 0,
    queuedCount: 0,
    duplicateCount: 0,
    conflictCount: 0,
    rejectedCount: 0,
    warnedCount: 0,
  };
  const names = Object.keys(counts) as (keyof typeof counts)[];
  let events: LocatedEvent[] = [];
  let eventsTruncated = false;
  return {
    add(answer, batch) {
      for (const name of names) counts[name] += Number(answer[name]);
      const located = answer.events.map((event) => ({
        line: batch[Number(event.index)]?.line ?? 0,
        event,
      }));
      // Batches are acknowledged in any order.
      const all = [...events, ...located].sort((a, b) => a.line - b.line);
      events = all.slice(0, limits.rejectionsPerAnswer);
      eventsTruncated ||= answer.eventsTruncated || all.length > events.length;
    },
    read: () => ({ ...counts, events, eventsTruncated }),
  };
}
