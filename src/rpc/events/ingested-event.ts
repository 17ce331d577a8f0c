/** What became of an event, as the contract says it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { EventOutcome, type IngestedEventSchema } from "../../../gen/tally/v1/event_pb.js";
import { EVENT_STATES } from "../../db/event-rows.js";
import type { IngestedEvent } from "../../events/event-answer.js";
import { timestamp } from "../run-message.js";

const OUTCOMES = {
  processed: EventOutcome.PROCESSED,
  queued: EventOutcome.QUEUED,
  duplicate: EventOutcome.DUPLICATE,
  conflict: EventOutcome.CONFLICT,
  rejected: EventOutcome.REJECTED,
} as const satisfies Record<IngestedEvent["outcome"], EventOutcome>;

/** The message of an event that was ingested. */
export function ingestedEventMessage(
  event: IngestedEvent,
): MessageInitShape<typeof IngestedEventSchema> {
  const { first } = event;
  return {
    index: BigInt(event.index),
    outcome: OUTCOMES[event.outcome],
    eventId: event.eventId,
    warnings: [...event.warnings],
    warningsTruncated: event.warningsTruncated,
    fieldViolations: [...event.violations],
    violationsTruncated: event.violationsTruncated,
    rejectionId: event.rejectionId,
    duplicate: event.duplicate,
    repeatCount: BigInt(event.repeatCount),
    ...(first === null
      ? {}
      : {
          firstOutcome:
            first.firstState === EVENT_STATES.queued ? EventOutcome.QUEUED : EventOutcome.PROCESSED,
          firstTime: timestamp(first.firstUs),
        }),
  };
}
