/** Events as the write side stores them: rows, the queue of the fold job, the ledger, in one statement. */
import { createHash, randomBytes } from "node:crypto";
import { byteaArray, plainArray, textArray } from "../../src/db/array-literal.js";
import type { Queryable } from "../../src/db/queryable.js";

export interface StoredEvent {
  /** 16 bytes. */
  readonly eventId: Uint8Array;
  readonly client: string;
  readonly metric: string;
  /** An ISO time. */
  readonly occurredAt: string;
  readonly path: string | null;
  readonly userId: string | null;
  /** A decimal. */
  readonly amount: string;
  readonly receivedAt: string;
  /** 1 QUEUED, 2 PROCESSED. */
  readonly state: 1 | 2;
  readonly idempotencyKey: string | null;
  /** JSON. */
  readonly attributes: string | null;
  readonly warnings: string | null;
}

/** An event like any other but in what is given. */
export function anEvent(change: Partial<StoredEvent> = {}): StoredEvent {
  return {
    eventId: randomBytes(16),
    client: "site-1",
    metric: "page_view",
    occurredAt: "2025-11-12T19:30:01Z",
    path: "/",
    userId: "user-1",
    amount: "1",
    receivedAt: "2025-11-13T00:00:00Z",
    state: 2,
    idempotencyKey: null,
    attributes: null,
    warnings: null,
    ...change,
  };
}

/** Stores events of one call; those that are QUEUED wait in the inbox and are not counted. Answers its batch. */
export async function storeEvents(
  db: Queryable,
  projectKey: string,
  events: readonly StoredEvent[],
  tokenId = "token",
): Promise<string> {
  const batchKey = drawKey();
  await db.query(STORE, [
    projectKey,
    batchKey,
    tokenId,
    byteaArray(events.map((e) => e.eventId)),
    textArray(events.map((e) => e.client)),
    textArray(events.map((e) => e.metric)),
    textArray(events.map((e) => e.occurredAt)),
    textArray(events.map((e) => e.path)),
    textArray(events.map((e) => e.userId)),
    textArray(events.map((e) => e.amount)),
    textArray(events.map((e) => e.receivedAt)),
    plainArray(events.map((e) => e.state)),
    textArray(events.map((e) => e.idempotencyKey)),
    textArray(events.map((e) => e.attributes)),
    textArray(events.map((e) => e.warnings)),
    byteaArray(events.map((e) => createHash("md5").update(e.eventId).digest())),
    byteaArray(events.map((e) => Buffer.from(JSON.stringify({ source: e.client })))),
  ]);
  return batchKey;
}

/** Replaces what a stored event was read as, and moves it in the figures, as reading it anew does. */
export async function rereadEvent(
  db: Queryable,
  projectKey: string,
  eventId: Uint8Array,
  change: {
    readonly occurredAt: string;
    readonly path: string | null;
    readonly userId: string | null;
  },
): Promise<void> {
  await db.query(REREAD, [
    projectKey,
    eventId,
    change.occurredAt,
    change.path,
    change.userId,
    drawKey(),
  ]);
}

/** 63 random bits. */
export function drawKey(): string {
  return (randomBytes(8).readBigUInt64BE() >> 1n).toString();
}

const DAY = "(occurred_at AT TIME ZONE 'UTC')::date";

const STORE = `
WITH sent AS (
  SELECT *
  FROM unnest(
    $4::bytea[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::text[], $10::numeric[],
    $11::timestamptz[], $12::smallint[], $13::text[], $14::text[], $15::text[], $16::bytea[], $17::bytea[]
  ) AS s(
    event_id, client, metric, occurred_at, path, user_id, amount, received_at, state, idempotency_key,
    attributes, warnings, content_hash, raw
  )
),
stored AS (
  INSERT INTO events (
    project_key, event_id, state, received_at, occurred_at, amount, batch_key, content_hash,
    normalizer_version, client, metric, path, user_id, idempotency_key, attributes, warnings, raw
  )
  SELECT
    $1, event_id, state, received_at, occurred_at, amount, $2, content_hash, 1, client, metric, path, user_id,
    idempotency_key, attributes, warnings, raw
  FROM sent
),
waiting AS (
  INSERT INTO inbox (project_key, event_id, queued_at)
  SELECT $1, event_id, received_at FROM sent WHERE state = 1
),
queue AS (
  INSERT INTO event_fold_queue (project_key, client, metric, batch_key, weight, days, paths, users)
  SELECT
    $1, client, metric, $2, 1, array_agg(${DAY}), array_agg(COALESCE(path, '')),
    array_agg(COALESCE(user_id, ''))
  FROM sent
  WHERE state = 2
  GROUP BY client, metric
)
INSERT INTO event_batches (
  project_key, batch_key, client, created_at, token_id, processed_count, queued_count, duplicate_count,
  conflict_count, rejected_count
)
SELECT
  $1, $2, client, max(received_at), $3, count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 1),
  0, 0, 0
FROM sent
GROUP BY client`;

const REREAD = `
WITH old AS (
  SELECT * FROM events WHERE project_key = $1 AND event_id = $2
),
changed AS (
  UPDATE events
  SET occurred_at = $3::text::timestamptz, path = $4, user_id = $5
  WHERE project_key = $1 AND event_id = $2
  RETURNING *
)
INSERT INTO event_fold_queue (project_key, client, metric, batch_key, weight, days, paths, users)
SELECT
  project_key, client, metric, $6, weight, ARRAY[${DAY}], ARRAY[COALESCE(path, '')],
  ARRAY[COALESCE(user_id, '')]
FROM (
  SELECT -1 AS weight, project_key, client, metric, occurred_at, path, user_id FROM old
  UNION ALL
  SELECT 1, project_key, client, metric, occurred_at, path, user_id FROM changed
) AS moves`;
