/** What `tally events send` prints. */
import { EventOutcome } from "../../gen/tally/v1/event_pb.js";
import { limits } from "../limits.js";
import type { Context } from "./context.js";
import type { EventSummary, LocatedEvent } from "./event-summary.js";

/** What is wrong with a file, besides what the server says of its events. */
export interface FileProblems {
  readonly file: string;
  readonly count: number;
  /** The first 100; `line` is 0 where none is at fault. */
  readonly list: readonly { readonly line: number; readonly message: string }[];
  add(line: number, message: string): void;
}

/** No problem yet. */
export function createFileProblems(file: string): FileProblems {
  const list: { line: number; message: string }[] = [];
  let count = 0;
  return {
    file,
    list,
    get count() {
      return count;
    },
    add(line, message) {
      count++;
      if (list.length < limits.rejectionsPerAnswer) list.push({ line, message });
    },
  };
}

/** Prints what became of the events, and says whether something was refused or could not be sent. */
export function printSent(
  context: Context,
  summary: EventSummary,
  problems: FileProblems,
): boolean {
  const { file, list, count } = problems;
  for (const { line, message } of list) {
    context.warn(`${file}:${line > 0 ? `${line}:` : ""} ${message}`);
  }
  if (count > list.length) context.warn(`${count - list.length} more of the kind in ${file}`);
  for (const each of summary.refusals) context.warn(`${file}:${each.line}: ${refusalText(each)}`);
  if (summary.refusalsTruncated) context.warn("more were refused: tally events failed");
  context.printPlain({ ...summaryJson(summary), problems: list, problemCount: count }, () =>
    summaryText(summary),
  );
  return summary.conflictCount + summary.rejectedCount + count > 0;
}

function refusalText({ event }: LocatedEvent): string {
  const how = event.outcome === EventOutcome.CONFLICT ? "in conflict" : "refused";
  const why = event.fieldViolations.map((v) => `${v.field} ${v.description}`.trim()).join("; ");
  return `${how}: ${why} [rejection ${event.rejectionId}]`;
}

function summaryText(summary: EventSummary): string {
  const { receivedCount, warnedCount } = summary;
  const counts = [
    `${summary.processedCount} processed`,
    `${summary.queuedCount} queued`,
    `${summary.duplicateCount} already known`,
    `${summary.conflictCount} in conflict`,
    `${summary.rejectedCount} refused`,
  ];
  const events = `${receivedCount} ${receivedCount === 1 ? "event" : "events"}`;
  return `${events}: ${counts.join(", ")}; ${warnedCount} with warnings`;
}

function summaryJson(summary: EventSummary) {
  return {
    ...summary,
    refusals: summary.refusals.map(eventJson),
    warned: summary.warned.map(eventJson),
  };
}

function eventJson({ line, event }: LocatedEvent) {
  const { warnings, fieldViolations, rejectionId, eventId } = event;
  return {
    line,
    outcome: EventOutcome[event.outcome],
    eventId,
    warnings: warnings.map(({ code, field, description }) => ({ code, field, description })),
    fieldViolations: fieldViolations.map(({ field, description }) => ({ field, description })),
    rejectionId,
  };
}
