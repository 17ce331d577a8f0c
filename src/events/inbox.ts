/** Works through the inbox: events of one project at a time, each until it is processed or given up. */
import { DbError, isPoison } from "../db/errors.js";
import {
  giveUpEvent,
  type LeasedEvent,
  leaseEvents,
  type Processed,
  postponeEvent,
  processDue,
  processLeased,
  readQueued,
} from "../db/inbox.js";
import type { Queryable } from "../db/queryable.js";
import { limits } from "../limits.js";
import { formatEventId } from "./event-id.js";
import { eventRejectionId } from "./refused-event.js";

export interface InboxOptions {
  readonly db: Queryable;
  /** 63 random bits in decimal. */
  readonly drawKey: () => string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told what became of events: a number of processed ones, or one that was retried or given up. */
  readonly onOutcome: (outcome: "processed" | "retried" | "gave_up", count: number) => void;
  /** Name in the processing log. */
  readonly actor: string;
  /** How long a worker that died keeps others from its events. */
  readonly leaseMs: number;
  /** Wait after the first failed attempt; it doubles with each. */
  readonly firstWaitMs: number;
}

/** Attempts until an event is given up. */
export const MAX_ATTEMPTS = 8;
/** Of one statement: the more events a client has in it, the fewer rows it adds to the fold queue. */
const EVENTS_PER_STATEMENT = 5_000;
/** Fewer, since one of them may be why the statement failed. */
const EVENTS_PER_LEASE = 1_000;
/** Longest wait between attempts. */
const MAX_WAIT_MS = 300_000;

/**
 * Takes due events of the project and processes them; how many it took. Safe with any number of workers, and to be
 * killed at any point: what a statement had taken is free again, and what was leased comes again when its lease ends.
 */
export async function workInbox(options: InboxOptions, projectKey: string): Promise<number> {
  const { db, drawKey, onOutcome } = options;
  let done: Processed;
  try {
    done = await processDue(db, projectKey, EVENTS_PER_STATEMENT, drawKey());
  } catch (error) {
    if (!(error instanceof DbError)) throw error;
    // One of them may be the cause: from now on attempts at them count.
    return workLeased(options, projectKey, EVENTS_PER_LEASE);
  }
  if (done.processed > 0) onOutcome("processed", done.processed);
  const again = Math.min(done.left, EVENTS_PER_LEASE);
  return done.taken + (again === 0 ? 0 : await workLeased(options, projectKey, again));
}

/** The same for up to `limit` events, each attempt counted before it begins. */
async function workLeased(
  options: InboxOptions,
  projectKey: string,
  limit: number,
): Promise<number> {
  const { db, drawKey, leaseMs } = options;
  const leaseKey = drawKey();
  const leased = await leaseEvents(db, projectKey, leaseKey, { limit, leaseMs });
  const lease = { projectKey, leaseKey };
  const sound: LeasedEvent[] = [];
  for (const event of leased) {
    if (event.attempts > MAX_ATTEMPTS) await fail(options, lease, event, "its workers died");
    else if (event.attempts > event.failingAttempts) sound.push(event);
    else await fail(options, lease, event, "a simulated failure");
  }
  await processAll(options, lease, sound);
  return leased.length;
}

interface Lease {
  readonly projectKey: string;
  readonly leaseKey: string;
}

/** Processes events by one statement; halves them until the one that the database cannot take is alone. */
async function processAll(
  options: InboxOptions,
  lease: Lease,
  events: readonly LeasedEvent[],
): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  const { db, drawKey, onOutcome } = options;
  const ids = events.map(({ eventId }) => eventId);
  try {
    const { projectKey, leaseKey } = lease;
    const processed = await processLeased(db, projectKey, leaseKey, ids, drawKey());
    if (processed > 0) onOutcome("processed", processed);
  } catch (error) {
    if (!isPoison(error)) throw error;
    if (events.length === 1) {
      await fail(options, lease, first, error.message);
      return;
    }
    const middle = Math.ceil(events.length / 2);
    await processAll(options, lease, events.slice(0, middle));
    await processAll(options, lease, events.slice(middle));
  }
}

/** An attempt has failed: another follows later, or none. */
async function fail(
  options: InboxOptions,
  lease: Lease,
  event: LeasedEvent,
  detail: string,
): Promise<void> {
  const { db, actor, firstWaitMs, random, onOutcome } = options;
  const { projectKey, leaseKey } = lease;
  const isLast = event.attempts >= MAX_ATTEMPTS;
  if (isLast && (await giveUp(options, lease, event, detail))) {
    onOutcome("gave_up", 1);
    return;
  }
  const doubled = firstWaitMs * 2 ** Math.min(event.attempts - 1, MAX_ATTEMPTS);
  const waitMs = Math.round(Math.min(MAX_WAIT_MS, doubled) * (0.5 + random()));
  // The last attempt is made again until its rejection finds room: by then it may pass.
  const failure = { waitMs, isRepeated: isLast, detail, actor };
  await postponeEvent(db, projectKey, leaseKey, event.eventId, failure);
  onOutcome("retried", 1);
}

/** False while the project keeps as many refused bytes as it may: nothing is lost by waiting. */
async function giveUp(
  { db, actor, drawKey }: InboxOptions,
  { projectKey, leaseKey }: Lease,
  { eventId, attempts }: LeasedEvent,
  detail: string,
): Promise<boolean> {
  const queued = await readQueued(db, projectKey, eventId);
  if (queued === null) return true;
  try {
    await giveUpEvent(db, projectKey, leaseKey, eventId, {
      rejectionId: eventRejectionId(queued.idempotencyKey, queued.raw),
      eventId: formatEventId(eventId),
      detail: `given up after ${attempts} attempts: ${detail}`,
      actor,
      batchKey: drawKey(),
      maxKeptBytes: limits.keptRefusalBytesPerProject,
    });
    return true;
  } catch (error) {
    if (error instanceof DbError && error.constraint === "rejection_quota") return false;
    throw error;
  }
}
