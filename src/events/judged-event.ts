/** An event with all that was found out about it before it is stored. */
import type { JsonObject } from "@bufbuild/protobuf";
import type { EventRow } from "../db/events.js";
import { REJECTION_REASONS } from "../db/rejections.js";
import type { Violation } from "../errors.js";
import { limits } from "../limits.js";
import { quote, repairText } from "../text.js";
import { structText } from "./convert-struct.js";
import { formatEventId } from "./event-id.js";
import type { EventItem, ItemOutcome } from "./event-job.js";
import { type Judgement, judgeEvent } from "./judge-event.js";
import type { EventPolicy } from "./normalize.js";
import { eventRejectionId, refusedEventId } from "./refused-event.js";
import { storedAttributes, storedWarnings } from "./stored-event.js";

/** An event as it came. */
export interface IncomingEvent {
  /** JSON text in UTF-8, or a Struct. */
  readonly payload: Uint8Array | JsonObject;
  /** '' is none. */
  readonly idempotencyKey: string;
}

/** An event with its judgement, and the id that its answer has. */
export interface Judged {
  readonly index: number;
  readonly event: IncomingEvent;
  readonly judgement: Judgement;
  readonly eventId: string;
  readonly reason: number;
}

/** Judges an event; the time of receipt is in microseconds since the epoch. */
export function judge(
  event: IncomingEvent,
  index: number,
  policy: EventPolicy,
  receivedAtUs: number,
): Judged {
  const idempotencyKey = event.idempotencyKey === "" ? undefined : event.idempotencyKey;
  const judgement = judgeEvent(event.payload, { policy, receivedAtUs, idempotencyKey });
  const eventId =
    judgement.outcome === "accepted"
      ? formatEventId(judgement.eventId)
      : refusedEventId(rawBytes(event));
  return { index, event, judgement, eventId, reason: REJECTION_REASONS.invalid };
}

/** The bytes as sent; a Struct as JSON. */
function rawBytes({ payload }: IncomingEvent): Uint8Array {
  return payload instanceof Uint8Array ? payload : Buffer.from(structText(payload));
}

/** What is written of it: the event, or its refusal. */
export function toItem(judged: Judged): EventItem {
  const { event, judgement } = judged;
  const raw = rawBytes(event);
  const { idempotencyKey } = event;
  if (judgement.outcome === "refused") {
    return {
      kind: "refused",
      row: {
        rejectionId: eventRejectionId(idempotencyKey, raw),
        reason: judged.reason,
        violations: judgement.violations,
        violationsTruncated: judgement.violationsTruncated,
        index: judged.index,
        eventId: judged.eventId,
        bytes: raw,
        client: repairText(judgement.client.slice(0, limits.nameBytes)),
        idempotencyKey: repairText(idempotencyKey.slice(0, limits.nameBytes)),
      },
    };
  }
  const row: EventRow = {
    eventId: judgement.eventId,
    contentHash: idempotencyKey === "" ? null : judgement.contentHash.subarray(0, HASH_BYTES),
    occurredUs: judgement.event.occurredAtUs,
    amount: judgement.event.amount,
    client: judgement.event.client,
    metric: judgement.event.metric,
    path: judgement.event.path ?? null,
    userId: judgement.event.userId ?? null,
    idempotencyKey: idempotencyKey === "" ? null : idempotencyKey,
    attributes: storedAttributes(judgement.event),
    warnings: storedWarnings(judgement.warnings),
    warningsTruncated: judgement.warningsTruncated,
    raw,
  };
  return { kind: "event", row };
}

const HASH_BYTES = 16;

/** The refusal of what passed and yet was not taken: a conflict, or what the database cannot store. */
export function lateRefusal(judged: Judged, outcome: ItemOutcome | undefined): Judged | null {
  if (outcome?.kind === "conflict") {
    const description = `${quote(judged.event.idempotencyKey)} is stored with other content; the first stays`;
    return refused(judged, REJECTION_REASONS.conflict, { field: "idempotency_key", description });
  }
  if (outcome?.kind === "unstorable") {
    const description = `the database cannot store it: ${outcome.reason}`.slice(0, 500);
    return refused(judged, REJECTION_REASONS.unstorable, { field: "", description });
  }
  return null;
}

function refused(judged: Judged, reason: number, violation: Violation): Judged {
  return {
    ...judged,
    reason,
    judgement: {
      outcome: "refused",
      violations: [violation],
      violationsTruncated: false,
      client: clientOf(judged),
    },
  };
}

/** Who sent it; '' where that cannot be read. */
export function clientOf({ judgement }: Judged): string {
  return judgement.outcome === "accepted" ? judgement.event.client : judgement.client;
}

/** Under which id the refusal of this event is kept, lower-case hex. */
export function rejectionIdOf({ event }: Judged): string {
  return eventRejectionId(event.idempotencyKey, rawBytes(event)).toString("hex");
}
