/**
 * What retention does to events. Their content leaves, and a row without it stays under the same key: whoever sends
 * the event again meets it as any repeat does, with no moment at which neither row is there. Folded figures have
 * nothing to do with it. Each statement serves one project, changes a bounded number of rows, and may be repeated.
 */
import { startOf, TODAY } from "./days.js";
import { IN_ORDER_OF_RECEIPT } from "./event-conditions.js";
import { EVENT_STATES } from "./event-rows.js";
import type { Queryable } from "./queryable.js";

/**
 * The content of up to `limit` events that are older than the project keeps them is gone, with their log; the oldest
 * received first. How many. Queued events wait until they are processed. Serves from events_by_time.
 */
export async function dropEvents(
  db: Queryable,
  projectKey: string,
  limit: number,
): Promise<number> {
  const [row] = await db.query<{ dropped: number }>(DROP, [projectKey, limit]);
  return row?.dropped ?? 0;
}

/** Up to `limit` rows of the ledger of events of that age are gone; how many. Serves from event_batches_by_time. */
export async function dropEventLedger(
  db: Queryable,
  projectKey: string,
  limit: number,
): Promise<number> {
  const rows = await db.query(DROP_LEDGER, [projectKey, limit]);
  return rows.length;
}

/**
 * Up to `limit` events that were dropped more than `dedupDays` whole UTC days ago are forgotten: sent again, they are
 * new. How many. Serves from events_dropped.
 */
export async function forgetEvents(
  db: Queryable,
  projectKey: string,
  dedupDays: number,
  limit: number,
): Promise<number> {
  const rows = await db.query(FORGET, [projectKey, dedupDays, limit]);
  return rows.length;
}

/** Before this an event of project `p` was received too long ago. */
export const HORIZON = startOf(`${TODAY} - p.event_retention_days`);
const FORGOTTEN = startOf(`${TODAY} - $2::int`);

/** Of an event that may be dropped. */
export const IS_PROCESSED = `${IN_ORDER_OF_RECEIPT} AND state = ${EVENT_STATES.processed}`;

const DUE = `
WITH due AS MATERIALIZED (
  SELECT ${HORIZON} AS horizon
  FROM projects p
  WHERE p.project_key = $1 AND p.event_retention_days > 0 AND p.deleted_at IS NULL
)`;

// SKIP LOCKED: what another server drops, or reads anew, at this moment is left to it and to the next round, so that
// nobody waits for another in a circle.
const DROP = `${DUE},
chosen AS MATERIALIZED (
  SELECT event_id
  FROM events
  WHERE project_key = $1 AND ${IS_PROCESSED} AND received_at < (SELECT horizon FROM due)
  ORDER BY received_at, event_id
  LIMIT $2::int
  FOR UPDATE SKIP LOCKED
),
dropped AS (
  UPDATE events
  SET
    state = ${EVENT_STATES.dropped}, dropped_at = now(), processed_at = NULL, occurred_at = received_at, amount = 0,
    client = '', metric = '', path = NULL, user_id = NULL, idempotency_key = NULL, attributes = NULL,
    warnings = NULL, warnings_truncated = false, raw = ''
  WHERE project_key = $1 AND event_id = ANY (ARRAY(SELECT event_id FROM chosen))
  RETURNING event_id
),
log AS (
  DELETE FROM processing_log
  WHERE project_key = $1 AND event_id = ANY (ARRAY(SELECT event_id FROM chosen))
)
SELECT count(*)::int AS dropped FROM dropped`;

const DROP_LEDGER = `${DUE}
DELETE FROM event_batches
WHERE project_key = $1 AND ctid = ANY (ARRAY(
  SELECT ctid
  FROM event_batches
  WHERE project_key = $1 AND created_at > '-infinity' AND created_at < (SELECT horizon FROM due)
  ORDER BY created_at
  LIMIT $2::int
))
RETURNING 1`;

const FORGET = `
DELETE FROM events
WHERE project_key = $1 AND event_id = ANY (ARRAY(
  SELECT event_id
  FROM events
  WHERE project_key = $1 AND state = ${EVENT_STATES.dropped} AND dropped_at < ${FORGOTTEN}
  ORDER BY dropped_at
  LIMIT $3::int
  FOR UPDATE SKIP LOCKED
))
RETURNING 1`;
