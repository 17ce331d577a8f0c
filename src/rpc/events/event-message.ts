/** An event as answers show it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type EventSchema, EventState, EventStep } from "../../../gen/tally/v1/event_pb.js";
import type { EventRecord, ProcessingStep, RefusedEvent } from "../../db/event-reads.js";
import { EVENT_STATES, type StoredEvent } from "../../db/event-rows.js";
import { formatEventId } from "../../events/event-id.js";
import { timestamp } from "../run-message.js";

type EventMessage = MessageInitShape<typeof EventSchema>;

/** Violations that the log tells of a refusal. */
const VIOLATIONS_IN_LOG = 3;

/** A stored event, without what was sent and its log. */
export function eventMessage(event: StoredEvent) {
  return {
    eventId: formatEventId(event.eventId),
    state: event.state,
    client: event.client,
    metric: event.metric,
    amount: event.amount,
    occurredTime: timestamp(event.occurUs),
    path: event.path ?? "",
    userId: event.userId ?? "",
    attributesJson: event.attributes ?? "",
    warnings: [...event.warnings],
    warningsTruncated: event.warningsTruncated,
    idempotencyKey: event.idempotencyKey ?? "",
    receivedTime: timestamp(event.receiveUs),
    normalizerVersion: event.normalizerVersion,
  } satisfies EventMessage;
}

/** A stored event with everything. */
export function fullEventMessage({ event, raw, tokenId, steps }: EventRecord): EventMessage {
  const { receiveUs, processUs } = event;
  const byCall = (step: EventStep) => entry(receiveUs, step, "", tokenId);
  const later = steps.map(stepEntry);
  if (processUs !== null) {
    const at = steps.findIndex(({ timeUs }) => timeUs > processUs);
    later.splice(at < 0 ? later.length : at, 0, entry(processUs, EventStep.PROCESSED, "", INBOX));
  }
  const atOnce = event.state === EVENT_STATES.processed && processUs === null;
  const processed = atOnce ? [byCall(EventStep.PROCESSED)] : [];
  return { raw, log: [byCall(EventStep.RECEIVED), ...processed, ...later], ...eventMessage(event) };
}

/** What is left of an event after retention. */
export function droppedEventMessage({ eventId, receiveUs }: StoredEvent): EventMessage {
  return {
    eventId: formatEventId(eventId),
    state: EventState.DROPPED,
    receivedTime: timestamp(receiveUs),
  };
}

/** Who processes queued events, as the log names it. */
const INBOX = "inbox";

/** A refused event, with what is kept of it. */
export function refusedEventMessage(eventId: string, refused: RefusedEvent): EventMessage {
  const { createUs, lastUs, tokenId, steps, repeatCount, violations } = refused;
  // An event that was given up after its attempts was received before them: when, its refusal does not tell.
  const [first] = steps;
  const tellsReceipt = first === undefined || createUs <= first.timeUs;
  const isLogged = steps.some(({ step }) => step === EventStep.REJECTED);
  const detail = violations
    .slice(0, VIOLATIONS_IN_LOG)
    .map(({ field, description }) => `${field}: ${description}`)
    .join("; ");
  return {
    eventId,
    state: EventState.REJECTED,
    client: refused.client,
    idempotencyKey: refused.idempotencyKey,
    ...(tellsReceipt ? { receivedTime: timestamp(createUs) } : {}),
    ...(refused.raw === null ? {} : { raw: refused.raw }),
    rejectionId: refused.rejectionId,
    log: [
      // Of a refusal that was repeated, the ledger tells who sent the last.
      ...(tellsReceipt
        ? [entry(createUs, EventStep.RECEIVED, "", repeatCount === 1 ? tokenId : "")]
        : []),
      ...steps.map(stepEntry),
      ...(isLogged ? [] : [entry(lastUs, EventStep.REJECTED, detail, tokenId)]),
    ],
  };
}

function stepEntry({ timeUs, step, detail, actor }: ProcessingStep) {
  return entry(timeUs, step, detail, actor);
}

function entry(timeUs: number, step: EventStep, detail: string, actor: string) {
  return { time: timestamp(timeUs), step, detail, actor };
}
