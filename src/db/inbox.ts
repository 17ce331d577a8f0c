/**
 * The inbox: events that are stored and wait to be processed. Each statement serves one project. The first attempt
 * at an event is one statement, whose row locks are its lease: what does not commit was never taken. Further
 * attempts have leases that are committed before they begin, so that each is counted.
 */
import { byteaArray } from "./array-literal.js";
import { keptRefusals } from "./kept-refusals.js";
import { microsOf, readMicros } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** On which NOTIFY tells that something was queued. */
export const INBOX_CHANNEL = "tally_inbox";

/** A queued event that a worker has taken until its lease ends. */
export interface LeasedEvent {
  /** 16 bytes. */
  readonly eventId: Uint8Array;
  /** Attempts that have begun, with this one. */
  readonly attempts: number;
  /** Attempts that are to fail, for tests. */
  readonly failingAttempts: number;
}

/** Projects with events that are due; up to 1,000. Serves from inbox_due, one step a project. */
export async function projectsWithDueEvents(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ project_key: string }>(DUE_PROJECTS);
  return rows.map((row) => row.project_key);
}

/** What became of the due events that a statement looked at. */
export interface Processed {
  /** Out of the inbox. */
  readonly taken: number;
  /** Of these, counted; the others were stored no more. */
  readonly processed: number;
  /** Left as they were: an attempt at them has begun before, or is to fail. */
  readonly left: number;
}

/**
 * Processes up to `limit` due events, those that wait longest first, at which no attempt has begun: counted, and out
 * of the inbox, in one statement. Nobody waits for another's locks. Serves from inbox_due and the keys.
 * `batchKey` is 63 random bits in decimal.
 */
export async function processDue(
  db: Queryable,
  projectKey: string,
  limit: number,
  batchKey: string,
): Promise<Processed> {
  const [row] = await db.query<Processed>(PROCESS_DUE, [projectKey, limit, batchKey]);
  return row ?? { taken: 0, processed: 0, left: 0 };
}

/**
 * Takes up to `limit` due events, those that wait longest first, for `leaseMs`: no other worker takes them before.
 * Nobody waits for another's locks.
 */
export async function leaseEvents(
  db: Queryable,
  projectKey: string,
  leaseKey: string,
  { limit, leaseMs }: { readonly limit: number; readonly leaseMs: number },
): Promise<LeasedEvent[]> {
  const rows = await db.query<{ event_id: Buffer; attempts: number; failing_attempts: number }>(
    LEASE,
    [projectKey, leaseKey, limit, leaseMs],
  );
  return rows.map((row) => ({
    eventId: row.event_id,
    attempts: row.attempts,
    failingAttempts: row.failing_attempts,
  }));
}

/**
 * The events that still have this lease are processed: counted, and out of the inbox, in one statement. How many.
 * `batchKey` is 63 random bits in decimal.
 */
export async function processLeased(
  db: Queryable,
  projectKey: string,
  leaseKey: string,
  eventIds: readonly Uint8Array[],
  batchKey: string,
): Promise<number> {
  const [row] = await db.query<{ processed: number }>(PROCESS, [
    projectKey,
    leaseKey,
    byteaArray(eventIds),
    batchKey,
  ]);
  return row?.processed ?? 0;
}

/**
 * A failed attempt is logged, and the event comes again after `waitMs`; with `isRepeated` the next attempt has the same
 * number. Nothing happens without the lease.
 */
export async function postponeEvent(
  db: Queryable,
  projectKey: string,
  leaseKey: string,
  eventId: Uint8Array,
  failure: {
    readonly waitMs: number;
    readonly isRepeated: boolean;
    readonly detail: string;
    readonly actor: string;
  },
): Promise<void> {
  const { waitMs, isRepeated, detail, actor } = failure;
  await db.query(POSTPONE, [projectKey, leaseKey, eventId, waitMs, detail, actor, isRepeated]);
}

/** What a rejection is made of. */
export interface QueuedEvent {
  readonly raw: Uint8Array;
  readonly idempotencyKey: string;
}

/** A queued event; null if it is processed or gone. */
export async function readQueued(
  db: Queryable,
  projectKey: string,
  eventId: Uint8Array,
): Promise<QueuedEvent | null> {
  const [row] = await db.query<{ raw: Buffer; idempotency_key: string }>(READ, [
    projectKey,
    eventId,
  ]);
  return row === undefined ? null : { raw: row.raw, idempotencyKey: row.idempotency_key };
}

/**
 * The event becomes a rejection, PROCESSING_FAILED, and its id is free for another try; whether it did. Throws
 * DbError `check` with constraint `rejection_quota` when the project keeps too many bytes: then it stays queued.
 */
export async function giveUpEvent(
  db: Queryable,
  projectKey: string,
  leaseKey: string,
  eventId: Uint8Array,
  refusal: {
    /** 16 bytes. */
    readonly rejectionId: Uint8Array;
    /** As text. */
    readonly eventId: string;
    readonly detail: string;
    readonly actor: string;
    readonly batchKey: string;
    readonly maxKeptBytes: number;
  },
): Promise<boolean> {
  const rows = await db.query(GIVE_UP, [
    projectKey,
    leaseKey,
    eventId,
    refusal.rejectionId,
    refusal.eventId,
    refusal.detail,
    refusal.actor,
    refusal.batchKey,
    refusal.maxKeptBytes,
  ]);
  return rows.length > 0;
}

/** All queued events of all projects. */
export interface InboxDepth {
  readonly depth: number;
  /** When the oldest was queued, in microseconds since the epoch. */
  readonly oldestUs: number | null;
}

/** How many events wait, and since when. */
export async function readInboxDepth(db: Queryable, deadlineAt: number): Promise<InboxDepth> {
  const [row] = await db.query<{ depth: string; oldest_us: string | null }>(DEPTH, [], {
    deadlineAt,
  });
  return { depth: Number(row?.depth ?? 0), oldestUs: readMicros(row?.oldest_us ?? null) };
}

/** Named whole, since inbox_due serves what names its condition. */
const IS_DUE = "run_at <= now() AND run_at > '-infinity'";

// One index step for each project, however many events it has.
const DUE_PROJECTS = `
WITH RECURSIVE project AS (
  (SELECT project_key FROM inbox ORDER BY project_key LIMIT 1)
  UNION ALL
  SELECT (
    SELECT i.project_key FROM inbox i WHERE i.project_key > p.project_key ORDER BY i.project_key LIMIT 1
  )
  FROM project p
  WHERE p.project_key IS NOT NULL
)
SELECT project_key
FROM project p
WHERE EXISTS (SELECT FROM inbox i WHERE i.project_key = p.project_key AND ${IS_DUE})
LIMIT 1000`;

// Rows are changed by their place: what else they were asked for could lead the planner through the whole queue of a
// project that it believes to have none. Before version 17 it does so for an array of keys, too, and compares each row
// with all of them. A place that is found by the key of one row can only be found by that key.

const LEASE = `
UPDATE inbox
SET run_at = now() + $4::int * interval '1 millisecond', attempts = attempts + 1, lease_key = $2
WHERE ctid = ANY (ARRAY(
  SELECT ctid
  FROM inbox
  WHERE project_key = $1 AND ${IS_DUE}
  ORDER BY run_at
  LIMIT $3::int
  FOR UPDATE SKIP LOCKED
))
RETURNING event_id, attempts, failing_attempts`;

/** The events of `taken` are processed. */
const processTaken = (batchKey: string) => `
processed AS (
  UPDATE events
  SET state = 2, processed_at = now()
  WHERE state = 1 AND ctid = ANY (ARRAY(
    SELECT (SELECT e.ctid FROM events e WHERE e.project_key = $1 AND e.event_id = t.event_id)
    FROM taken t
  ))
  RETURNING client, metric, occurred_at, path, user_id
),
folding AS (
  INSERT INTO event_fold_queue (project_key, client, metric, batch_key, weight, days, paths, users)
  SELECT
    $1, client, metric, ${batchKey}::bigint, 1, array_agg((occurred_at AT TIME ZONE 'UTC')::date),
    array_agg(COALESCE(path, '')), array_agg(COALESCE(user_id, ''))
  FROM processed
  GROUP BY client, metric
)`;

const PROCESS_DUE = `
WITH due AS MATERIALIZED (
  SELECT ctid AS place, attempts = 0 AND failing_attempts = 0 AS is_new
  FROM inbox
  WHERE project_key = $1 AND ${IS_DUE}
  ORDER BY run_at
  LIMIT $2::int
  FOR UPDATE SKIP LOCKED
),
taken AS (
  DELETE FROM inbox
  WHERE ctid = ANY (ARRAY(SELECT place FROM due WHERE is_new))
  RETURNING event_id
),${processTaken("$3")}
SELECT
  (SELECT count(*)::int FROM taken) AS taken, (SELECT count(*)::int FROM processed) AS processed,
  (SELECT count(*)::int FROM due WHERE NOT is_new) AS left`;

const PROCESS = `
WITH taken AS (
  DELETE FROM inbox
  WHERE lease_key = $2::bigint AND ctid = ANY (ARRAY(
    SELECT (SELECT i.ctid FROM inbox i WHERE i.project_key = $1 AND i.event_id = leased.event_id)
    FROM unnest($3::bytea[]) AS leased(event_id)
  ))
  RETURNING event_id
),${processTaken("$4")}
SELECT count(*)::int AS processed FROM processed`;

const POSTPONE = `
WITH postponed AS (
  UPDATE inbox
  SET
    run_at = now() + $4::int * interval '1 millisecond', lease_key = NULL,
    attempts = attempts - $7::boolean::int
  WHERE project_key = $1 AND lease_key = $2::bigint AND event_id = $3
  RETURNING event_id
)
INSERT INTO processing_log (project_key, event_id, step, detail, actor)
SELECT $1, event_id, 3, $5::text, $6::text
FROM postponed`;

const READ = `
SELECT raw, COALESCE(idempotency_key, '') AS idempotency_key
FROM events
WHERE project_key = $1 AND event_id = $2 AND state = 1`;

// The event was taken again since a rejection of it was closed: with the event gone, it has to be open.
const GIVE_UP = `
WITH taken AS (
  DELETE FROM inbox
  WHERE project_key = $1 AND lease_key = $2::bigint AND event_id = $3
  RETURNING event_id
),
event AS (
  DELETE FROM events
  WHERE project_key = $1 AND event_id IN (SELECT event_id FROM taken)
  RETURNING event_id, client, idempotency_key, raw
),
refused AS (
  SELECT
    $4::bytea AS rejection_id, 3 AS kind, 5 AS reason,
    jsonb_build_array(jsonb_build_object('field', '', 'description', $6::text)) AS violations,
    false AS violations_truncated, '' AS run_id, NULL::bigint AS run_key, NULL::bytea AS part_id,
    ''::bytea AS part, 0 AS item_index, $5::text AS result_id, raw AS bytes, client, $8::bigint AS batch_key,
    1 AS repeats, COALESCE(idempotency_key, '') AS idempotency_key
  FROM event
),
${keptRefusals("$9", { reopens: true })},
log AS (
  INSERT INTO processing_log (project_key, event_id, step, detail, actor)
  SELECT $1, event_id, 5, $6::text, $7::text
  FROM event
)
SELECT rejection_id FROM kept`;

const DEPTH = `
SELECT count(*) AS depth, ${microsOf("min(queued_at)")} AS oldest_us
FROM inbox`;
