/** The pipeline of events: judge each, store what passes and keep what does not, in one commit. */
import type { JsonObject } from "@bufbuild/protobuf";
import { EVENT_STATES } from "../db/event-rows.js";
import type { EventRow } from "../db/events.js";
import type { Queryable } from "../db/queryable.js";
import { closeRejections, REJECTION_REASONS, REJECTION_STATES } from "../db/rejections.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import type { Violation } from "../errors.js";
import type { Writer } from "../group-commit/writer.js";
import { inSteps } from "../heavy-steps.js";
import { limits } from "../limits.js";
import { quote, repairText } from "../text.js";
import { formatEventId } from "./event-id.js";
import type { EventItem, EventJob, EventPart, FirstEvent, ItemOutcome } from "./event-job.js";
import { type Judgement, judgeEvent } from "./judge-event.js";
import type { EventPolicy } from "./normalize.js";
import { eventRejectionId, refusedEventId } from "./refused-event.js";
import { type EventWarning, storedAttributes, storedWarnings, toWarning } from "./stored-event.js";

/** An event as it came. */
export interface IncomingEvent {
  /** JSON text in UTF-8, or a Struct. */
  readonly payload: Uint8Array | JsonObject;
  /** '' is none. */
  readonly idempotencyKey: string;
}

/** Where events go, and how they are treated. */
export interface EventTarget {
  readonly projectKey: string;
  readonly tokenId: string;
  readonly policy: EventPolicy;
  /** Store now and process soon, instead of both at once. */
  readonly queued: boolean;
  /** Attempts that are to fail; of queued events, for tests. */
  readonly failingAttempts: number;
}

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

export interface EventPipeline {
  readonly db: Queryable;
  readonly writer: Writer<EventJob, EventPart>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * What became of each event, in order. All that the answer counts is committed: what is stored and what breaks a
 * rule by one statement; copies of conflicts, and what the database cannot store, by one after it. Throws
 * ProjectGone or DbError. `firstIndex` is the position of the first one in its stream.
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

  const answers = judged.map((item, at) => answer(item, outcomes[at], target));
  late.forEach(({ at, item }, i) => {
    answers[at] = {
      ...answer(item, kept.outcomes[i], target),
      ...(outcomes[at]?.kind === "conflict" ? conflictFacts(item, outcomes[at]) : {}),
    };
  });
  return answers;
}

/** An event with its judgement, and the id that its answer has. */
interface Judged {
  readonly index: number;
  readonly event: IncomingEvent;
  readonly judgement: Judgement;
  readonly eventId: string;
  readonly reason: number;
}

function judge(
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
  return payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
}

function toItem(judged: Judged): EventItem {
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
      outcomes[part.from + i] = outcome;
    });
  }
  return { outcomes, hasOpenRejections: parts.some((part) => part.hasOpenRejections) };
}

/** The refusal of what passed and yet was not taken: a conflict, or what the database cannot store. */
function lateRefusal(judged: Judged, outcome: ItemOutcome | undefined): Judged | null {
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
  const { judgement } = judged;
  const client = judgement.outcome === "accepted" ? judgement.event.client : judgement.client;
  return {
    ...judged,
    reason,
    judgement: {
      outcome: "refused",
      violations: [violation],
      violationsTruncated: false,
      client,
    },
  };
}

/** Events that were refused before, under other rules or another policy, and passed now. */
async function resolveRejections(
  { db }: EventPipeline,
  { projectKey, tokenId }: EventTarget,
  judged: readonly Judged[],
  outcomes: readonly (ItemOutcome | undefined)[],
  retry: RetryOptions,
): Promise<void> {
  const ids = judged
    .filter((_, at) => outcomes[at]?.kind === "stored")
    .map(({ event }) => eventRejectionId(event.idempotencyKey, rawBytes(event)).toString("hex"));
  if (ids.length === 0) return;
  const closing = { state: REJECTION_STATES.resolved, closedBy: tokenId, note: "" };
  await withRetries(() => closeRejections(db, projectKey, ids, closing, retry.deadlineAt), retry);
}

function answer(
  { index, event, judgement, eventId }: Judged,
  outcome: ItemOutcome | undefined,
  { queued }: EventTarget,
): IngestedEvent {
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
      rejectionId: eventRejectionId(event.idempotencyKey, rawBytes(event)).toString("hex"),
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

function conflictFacts(
  { eventId }: Judged,
  outcome: ItemOutcome & { kind: "conflict" },
): Partial<IngestedEvent> {
  return { outcome: "conflict", eventId, duplicate: false, first: outcome };
}

const ATTRIBUTES_DIFFER: EventWarning = {
  code: "ATTRIBUTES_DIFFER",
  field: "attributes",
  description: "are not those of the first event, and are not kept",
};
