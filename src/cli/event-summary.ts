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
  /** Conflicts and refusals, the first 100, by line. */
  readonly refusals: readonly LocatedEvent[];
  readonly refusalsTruncated: boolean;
  /** Events that were taken with warnings, the first 100, by line. */
  readonly warned: readonly LocatedEvent[];
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
  let refusals: LocatedEvent[] = [];
  let warned: LocatedEvent[] = [];
  return {
    add(answer, batch) {
      for (const name of names) counts[name] += Number(answer[name]);
      const locate = (event: IngestedEvent) => ({
        line: batch[Number(event.index)]?.line ?? 0,
        event,
      });
      refusals = firstOf([...refusals, ...answer.refusals.map(locate)]);
      warned = firstOf([...warned, ...answer.warned.map(locate)]);
    },
    read() {
      const refusalsTruncated = counts.conflictCount + counts.rejectedCount > refusals.length;
      return { ...counts, refusals, refusalsTruncated, warned };
    },
  };
}

/** The first of them by line: batches are acknowledged in any order. */
function firstOf(events: readonly LocatedEvent[]): LocatedEvent[] {
  return [...events].sort((a, b) => a.line - b.line).slice(0, limits.rejectionsPerAnswer);
}
