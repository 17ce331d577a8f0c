/** Reads stored events anew by today's rules. */
import {
  type ChangedEvent,
  changeEvents,
  type RawEvent,
  type Reading,
} from "../db/event-reprocessing.js";
import type { Queryable } from "../db/queryable.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import type { Violation } from "../errors.js";
import { inSteps } from "../heavy-steps.js";
import { formatEventId } from "./event-id.js";
import { NORMALIZER_VERSION } from "./field-rules.js";
import { judgeEvent } from "./judge-event.js";
import type { EventPolicy } from "./normalize.js";
import { storedAttributes, storedWarnings } from "./stored-event.js";

/** What today's rules say of a stored event. */
export interface Reprocessed {
  readonly eventId: string;
  /** Canonical names of the fields that change; none if it is refused. */
  readonly changedFields: readonly string[];
  /** Why today's rules refuse it: then it stays as it is. */
  readonly violations: readonly Violation[];
}

export interface ReprocessOptions {
  readonly db: Queryable;
  readonly projectKey: string;
  readonly policy: EventPolicy;
  /** The token of the call. */
  readonly actor: string;
  /** 63 random bits in decimal. */
  readonly drawKey: () => string;
  readonly retry: RetryOptions;
  /** Judge only. */
  readonly validateOnly: boolean;
}

/** The events that change or are refused, in order. One that someone else changed meanwhile is left out. */
export async function reprocessEvents(
  { db, projectKey, policy, actor, drawKey, retry, validateOnly }: ReprocessOptions,
  events: readonly RawEvent[],
): Promise<Reprocessed[]> {
  const found: Reprocessed[] = [];
  const changes: ChangedEvent[] = [];
  await inSteps(events, (event) => {
    // A time that was missing stays what it was taken for.
    const judgement = judgeEvent(event.raw, {
      policy,
      receivedAtUs: event.occurUs,
      idempotencyKey: event.idempotencyKey ?? undefined,
    });
    const eventId = formatEventId(event.eventId);
    if (judgement.outcome === "refused") {
      found.push({ eventId, changedFields: [], violations: judgement.violations });
      return;
    }
    const { client, metric, amount, occurredAtUs, path, userId } = judgement.event;
    const after: Reading = {
      client,
      metric,
      amount,
      occurUs: occurredAtUs,
      path: path ?? null,
      userId: userId ?? null,
      attributes: storedAttributes(judgement.event),
      warnings: storedWarnings(judgement.warnings),
      warningsTruncated: judgement.warningsTruncated,
    };
    const changedFields = FIELDS.filter(([, key]) => event[key] !== after[key]).map(
      ([name]) => name,
    );
    if (changedFields.length === 0) return;
    found.push({ eventId, changedFields, violations: [] });
    changes.push({ before: event, after, detail: oldValues(event, changedFields) });
  });
  if (validateOnly || changes.length === 0) return found;
  const batchKey = drawKey();
  const by = { batchKey, normalizerVersion: NORMALIZER_VERSION, actor };
  const ids = await withRetries(
    () => changeEvents(db, projectKey, changes, by, retry.deadlineAt),
    retry,
  );
  const changed = new Set(ids.map((id) => `evt_${id}`));
  return found.filter(({ eventId, violations }) => violations.length > 0 || changed.has(eventId));
}

/** The fields of an event, and what the stored ones are called. */
const FIELDS = [
  ["client", "client"],
  ["metric", "metric"],
  ["amount", "amount"],
  ["occurred_at", "occurUs"],
  ["path", "path"],
  ["user_id", "userId"],
  ["attributes", "attributes"],
] as const;

/** JSON of what changes, as it was. */
function oldValues(event: RawEvent, changedFields: readonly string[]): string {
  const changing = FIELDS.filter(([name]) => changedFields.includes(name));
  return JSON.stringify(Object.fromEntries(changing.map(([name, key]) => [name, event[key]])));
}
