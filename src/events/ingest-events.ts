/** The pipeline of events: judge each, store what passes and keep what does not, in one commit. */
import { EVENT_STATES } from "../db/event-rows.js";
import type { Queryable } from "../db/queryable.js";
import { closeRejections, REJECTION_STATES } from "../db/rejections.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import type { Writer } from "../group-commit/writer.js";
import { inSteps } from "../heavy-steps.js";
import type { ClientRates } from "./client-rates.js";
import { answerOf, conflictAnswer, type IngestedEvent } from "./event-answer.js";
import type { EventItem, EventJob, EventPart, ItemOutcome } from "./event-job.js";
import {
  clientOf,
  type IncomingEvent,
  type Judged,
  judge,
  lateRefusal,
  rejectionIdOf,
  toItem,
} from "./judged-event.js";
import type { EventPolicy } from "./normalize.js";

/** Where events go, and how they are treated. */
export interface EventTarget {
  readonly projectKey: string;
  readonly tokenId: string;
  readonly policy: EventPolicy;
  /** Store now and process soon, instead of both at once. */
  readonly queued: boolean;
  /** Attempts that are to fail; of queued events, for tests. */
  readonly failingAttempts: number;
  /** What its clients may send a second; null where that does not matter. */
  readonly rates: ClientRates | null;
}

export interface EventPipeline {
  readonly db: Queryable;
  readonly writer: Writer<EventJob, EventPart>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * What became of each event, in order. All that the answer counts is committed: what is stored and what breaks a
 * rule by one statement; copies of conflicts, and what the database cannot store, by one after it. Throws
 * ProjectGone, ClientTooFast or DbError. `firstIndex` is the position of the first one in its stream.
 */
export async function ingestEvents(
  deps: EventPipeline,
  target: EventTarget,
  events: readonly IncomingEvent[],
  firstIndex: number,
  retry: RetryOptions,
): Promise<IngestedEvent[]> {
  const receivedAtUs = deps.now() * 1000;
  const judged: Judged[] = [];
  const items: EventItem[] = [];
  await inSteps(events, (event, at) => {
    const item = judge(event, firstIndex + at, target.policy, receivedAtUs);
    judged.push(item);
    items.push(toItem(item));
  });
  target.rates?.take(target.projectKey, judged.map(clientOf));
  const { outcomes, hasOpenRejections } = await write(deps, target, items, retry);
  const late = judged.flatMap((item, at) => {
    const refusal = lateRefusal(item, outcomes[at]);
    return refusal === null ? [] : [{ at, item: refusal }];
  });
  const kept = await write(
    deps,
    target,
    late.map(({ item }) => toItem(item)),
    retry,
  );
  if (hasOpenRejections) await resolveRejections(deps, target, judged, outcomes, retry);

  const answers = judged.map((item, at) => answerOf(item, outcomes[at], target.queued));
  late.forEach(({ at, item }, i) => {
    const answer = answerOf(item, kept.outcomes[i], target.queued);
    const outcome = outcomes[at];
    answers[at] = outcome?.kind === "conflict" ? conflictAnswer(answer, outcome) : answer;
  });
  return answers;
}

/** Writes the items; their outcomes in order. */
async function write(
  { writer }: EventPipeline,
  { projectKey, tokenId, queued, failingAttempts }: EventTarget,
  rows: readonly EventItem[],
  { deadlineAt }: RetryOptions,
): Promise<{ outcomes: (ItemOutcome | undefined)[]; hasOpenRejections: boolean }> {
  const state = queued ? EVENT_STATES.queued : EVENT_STATES.processed;
  const parts = await writer.write({
    projectKey,
    rows,
    deadlineAt,
    tokenId,
    state,
    failingAttempts,
  });
  const outcomes: (ItemOutcome | undefined)[] = new Array(rows.length).fill(undefined);
  for (const part of parts) {
    part.outcomes.forEach((outcome, i) => {
      const at = part.from + i;
      // What is refused and cannot be kept must not be acknowledged.
      if (outcome.kind === "unstorable" && rows[at]?.kind === "refused") {
        throw new Error(`a refused event cannot be kept: ${outcome.reason}`);
      }
      outcomes[at] = outcome;
    });
  }
  return { outcomes, hasOpenRejections: parts.some((part) => part.hasOpenRejections) };
}

/** Events that were refused before, under other rules or another policy, and passed now. */
async function resolveRejections(
  { db }: EventPipeline,
  { projectKey, tokenId }: EventTarget,
  judged: readonly Judged[],
  outcomes: readonly (ItemOutcome | undefined)[],
  retry: RetryOptions,
): Promise<void> {
  const ids = judged.filter((_, at) => outcomes[at]?.kind === "stored").map(rejectionIdOf);
  if (ids.length === 0) return;
  const closing = { state: REJECTION_STATES.resolved, closedBy: tokenId, note: "" };
  await withRetries(() => closeRejections(db, projectKey, ids, closing, retry.deadlineAt), retry);
}
