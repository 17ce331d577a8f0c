/** What becomes of a refused event that is sent through ingestion again. */
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import type { StoredRejection } from "../../db/rejections.js";
import { ingestEvents } from "../../events/ingest-events.js";
import { judgeEvent } from "../../events/judge-event.js";
import { eventRejectionId } from "../../events/refused-event.js";
import { toEventCallError } from "../events/event-batch.js";
import { type Judgement, judged, type Replay } from "./replay.js";

/** What stands in for what was kept. */
interface Replacement {
  readonly payload: Uint8Array | undefined;
  readonly idempotencyKey: string | undefined;
}

/** Sends the bytes and the idempotency key of the kept event, or others; only judges with `validateOnly`. */
export async function replayEvent(
  replay: Replay,
  rejection: StoredRejection,
  replacement: Replacement,
): Promise<Judgement> {
  try {
    return await send(replay, rejection, replacement);
  } catch (error) {
    throw toEventCallError(error, replay.project, replay.context.deadlineAt);
  }
}

async function send(
  { deps: { events }, project, tokenId, retry, validateOnly }: Replay,
  rejection: StoredRejection,
  replacement: Replacement,
): Promise<Judgement> {
  const {
    payload = rejection.bytes ?? new Uint8Array(),
    idempotencyKey = rejection.idempotencyKey,
  } = replacement;
  if (replacement.idempotencyKey === undefined && !hasKeyAsSent(rejection)) {
    const description = "could not be kept as it was sent: give another, or none";
    return judged([{ field: "idempotency_key", description }]);
  }
  const policy = await events.policies.of(project);
  if (validateOnly) {
    const key = idempotencyKey === "" ? undefined : idempotencyKey;
    const options = { policy, receivedAtUs: events.now() * 1000, idempotencyKey: key };
    const judgement = judgeEvent(payload, options);
    return judged(judgement.outcome === "refused" ? judgement.violations : []);
  }
  const { projectKey } = project;
  // Who replays is no client, and has waited already.
  const target = { projectKey, tokenId, policy, queued: false, failingAttempts: 0, rates: null };
  const sent = [{ payload, idempotencyKey }];
  const [event] = await ingestEvents(events, target, sent, rejection.index, retry);
  if (event === undefined) throw new Error("an event has no outcome");
  return {
    outcome: OUTCOMES[event.outcome],
    fieldViolations: [...event.violations],
    newRejectionId: event.rejectionId === rejection.rejectionId ? "" : event.rejectionId,
  };
}

/** What is kept of a key that is too long, or no text, is not what names the rejection. */
function hasKeyAsSent({ rejectionId, idempotencyKey, bytes }: StoredRejection): boolean {
  const id = eventRejectionId(idempotencyKey, bytes ?? new Uint8Array());
  return id.toString("hex") === rejectionId;
}

const OUTCOMES = {
  processed: ReplayOutcome.ACCEPTED,
  queued: ReplayOutcome.ACCEPTED,
  duplicate: ReplayOutcome.DUPLICATE,
  conflict: ReplayOutcome.CONFLICT,
  rejected: ReplayOutcome.REJECTED,
} as const;
