/** What becomes of a refused event that is sent through ingestion again. */
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import type { StoredRejection } from "../../db/rejections.js";
import { ingestEvents } from "../../events/ingest-events.js";
import { judgeEvent } from "../../events/judge-event.js";
import { toEventCallError } from "../events/event-batch.js";
import { type Judgement, judged, type Replay } from "./replay.js";

/** Sends the bytes under the idempotency key of the kept event; only judges with `validateOnly`. */
export async function replayEvent(
  replay: Replay,
  rejection: StoredRejection,
  payload: Uint8Array,
  isReplaced: boolean,
): Promise<Judgement> {
  try {
    return await send(replay, rejection, payload, isReplaced);
  } catch (error) {
    throw toEventCallError(error, replay.project, replay.retry.deadlineAt);
  }
}

async function send(
  { deps: { events }, project, tokenId, retry, validateOnly }: Replay,
  { idempotencyKey, index }: StoredRejection,
  payload: Uint8Array,
  isReplaced: boolean,
): Promise<Judgement> {
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
  const [event] = await ingestEvents(events, target, sent, index, retry);
  if (event === undefined) throw new Error("an event has no outcome");
  return {
    outcome: OUTCOMES[event.outcome],
    fieldViolations: [...event.violations],
    newRejectionId: isReplaced ? event.rejectionId : "",
  };
}

const OUTCOMES = {
  processed: ReplayOutcome.ACCEPTED,
  queued: ReplayOutcome.ACCEPTED,
  duplicate: ReplayOutcome.DUPLICATE,
  conflict: ReplayOutcome.CONFLICT,
  rejected: ReplayOutcome.REJECTED,
} as const;
