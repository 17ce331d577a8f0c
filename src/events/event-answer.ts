/** What a caller hears of one event. */
import type { Violation } from "../errors.js";
import type { FirstEvent, ItemOutcome } from "./event-job.js";
import { type Judged, rejectionIdOf } from "./judged-event.js";
import { type EventWarning, toWarning } from "./stored-event.js";

/** What became of one event. */
export interface IngestedEvent {
  readonly index: number;
  readonly outcome: "processed" | "queued" | "duplicate" | "conflict" | "rejected";
  /** `evt_…`. */
  readonly eventId: string;
  /** As far as it could be read. */
  readonly client: string;
  readonly warnings: readonly EventWarning[];
  readonly warningsTruncated: boolean;
  /** Of a refused event or a conflict. */
  readonly violations: readonly Violation[];
  readonly violationsTruncated: boolean;
  /** Lower-case hex; of a refused event or a conflict. */
  readonly rejectionId: string;
  /** How often it was refused so far. */
  readonly repeatCount: number;
  /** The same was sent before. */
  readonly duplicate: boolean;
  /** Of a duplicate or conflict. */
  readonly first: FirstEvent | null;
}

/** The answer to an event that was judged and written; new ones are processed, or `queued`. */
export function answerOf(
  judged: Judged,
  outcome: ItemOutcome | undefined,
  queued: boolean,
): IngestedEvent {
  const { index, judgement, eventId } = judged;
  const nothing = {
    index,
    eventId,
    warnings: [],
    warningsTruncated: false,
    violations: [],
    violationsTruncated: false,
    rejectionId: "",
    repeatCount: 0,
    duplicate: false,
    first: null,
  };
  if (judgement.outcome === "refused") {
    const { violations, violationsTruncated, client } = judgement;
    return {
      ...nothing,
      outcome: "rejected",
      client,
      violations,
      violationsTruncated,
      rejectionId: rejectionIdOf(judged),
      repeatCount: outcome?.kind === "refused" ? outcome.repeatCount : 1,
      duplicate: outcome?.kind === "refused" && outcome.repeatedBefore,
    };
  }
  const { client } = judgement.event;
  const { warningsTruncated } = judgement;
  const warnings = judgement.warnings.map(toWarning);
  if (outcome?.kind === "duplicate") {
    return {
      ...nothing,
      outcome: "duplicate",
      client,
      warnings: outcome.sameAttributes ? warnings : [...warnings, ATTRIBUTES_DIFFER],
      warningsTruncated,
      duplicate: true,
      first: outcome,
    };
  }
  return {
    ...nothing,
    outcome: queued ? "queued" : "processed",
    client,
    warnings,
    warningsTruncated,
  };
}

/** The answer to a conflict, whose copy is kept. */
export function conflictAnswer(kept: IngestedEvent, first: FirstEvent): IngestedEvent {
  return { ...kept, outcome: "conflict", duplicate: false, first };
}

const ATTRIBUTES_DIFFER: EventWarning = {
  code: "ATTRIBUTES_DIFFER",
  field: "attributes",
  description: "are not those of the first event, and are not kept",
};
