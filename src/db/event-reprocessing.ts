/** Stored events that are read anew by later rules, a page at a time. */
import { byteaArray, plainArray, textArray } from "./array-literal.js";
import {
  type EventFilter,
  type EventKey,
  IN_ORDER_OF_RECEIPT,
  matchOf,
  rangeOf,
} from "./event-conditions.js";
import { EVENT_COLUMNS, type EventColumns, type StoredEvent, toStoredEvent } from "./event-rows.js";
import { timeOf } from "./micros.js";
import type { Param, Queryable } from "./queryable.js";

/** An event with the bytes that it was sent as. */
export interface RawEvent extends StoredEvent {
  readonly raw: Uint8Array;
}

/** Processed events that match, oldest received first, after a key, as far as a page of bytes goes. */
export async function listRawEvents(
  db: Queryable,
  projectKey: string,
  filter: EventFilter,
  page: { readonly after: EventKey | null; readonly limit: number; readonly maxBytes: number },
  deadlineAt: number,
): Promise<RawEvent[]> {
  const params: Param[] = [projectKey, page.limit, page.maxBytes];
  const bind = (value: Param) => `$${params.push(value)}`;
  const conditions = [
    IN_ORDER_OF_RECEIPT,
    ...rangeOf(filter, null, bind),
    ...matchOf(filter, bind),
  ];
  if (page.after !== null) {
    const { receiveUs, eventId } = page.after;
    conditions.push(
      `(received_at, event_id) > (${timeOf(bind(receiveUs))}, decode(${bind(eventId)}::text, 'hex'))`,
    );
  }
  const rows = await db.query<EventColumns & { raw: Uint8Array }>(listText(conditions), params, {
    deadlineAt,
  });
  return rows.map((row) => ({ raw: row.raw, ...toStoredEvent(row) }));
}

// The running sum stops behind the row that passes the bound: a page has one row at least.
const listText = (conditions: readonly string[]) => `
SELECT ${EVENT_COLUMNS}, raw
FROM (
  SELECT *, sum(octet_length(raw)) OVER (
    ORDER BY received_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS bytes_before
  FROM (
    SELECT *
    FROM events
    WHERE ${["project_key = $1", "state = 2", ...conditions].join(" AND ")}
    ORDER BY received_at, event_id
    LIMIT $2::int
  ) AS found
) AS page
WHERE COALESCE(bytes_before, 0) <= $3::bigint
ORDER BY received_at, event_id`;

/** What later rules read from an event. */
export interface Reading {
  readonly client: string;
  readonly metric: string;
  readonly amount: string;
  readonly occurUs: number;
  readonly path: string | null;
  readonly userId: string | null;
  readonly attributes: string | null;
  /** JSON: `[{"code", "field", "description"}]`. */
  readonly warnings: string | null;
  readonly warningsTruncated: boolean;
}

/** An event that changes. */
export interface ChangedEvent {
  readonly before: StoredEvent;
  readonly after: Reading;
  /** For the processing log. */
  readonly detail: string;
}

/**
 * Gives the events their new values, logs the old ones, and moves them in the figures, in one statement; the ids of
 * those that were as `before` says, lower-case hex. Which event is which does not change. `batchKey` is 63 random
 * bits in decimal: sent again with it, nothing moves twice.
 */
export async function changeEvents(
  db: Queryable,
  projectKey: string,
  events: readonly ChangedEvent[],
  by: {
    readonly batchKey: string;
    readonly normalizerVersion: number;
    readonly actor: string;
  },
  deadlineAt: number,
): Promise<string[]> {
  const old = events.map(({ before }) => before);
  const fresh = events.map(({ after }) => after);
  const rows = await db.query<{ id: string }>(
    CHANGE,
    [
      projectKey,
      by.batchKey,
      by.normalizerVersion,
      by.actor,
      byteaArray(old.map((e) => e.eventId)),
      textArray(old.map((e) => e.client)),
      textArray(old.map((e) => e.metric)),
      plainArray(old.map((e) => e.amount)),
      plainArray(old.map((e) => e.occurUs)),
      textArray(old.map((e) => e.path)),
      textArray(old.map((e) => e.userId)),
      textArray(fresh.map((e) => e.client)),
      textArray(fresh.map((e) => e.metric)),
      plainArray(fresh.map((e) => e.amount)),
      plainArray(fresh.map((e) => e.occurUs)),
      textArray(fresh.map((e) => e.path)),
      textArray(fresh.map((e) => e.userId)),
      textArray(fresh.map((e) => e.attributes)),
      textArray(fresh.map((e) => e.warnings)),
      plainArray(fresh.map((e) => e.warningsTruncated)),
      textArray(events.map(({ detail }) => detail)),
    ],
    { deadlineAt },
  );
  return rows.map(({ id }) => id);
}

// What leaves the figures is what the row was when it was changed: the old values are part of the condition.
const CHANGE = `
WITH changed AS (
  UPDATE events e
  SET
    client = s.client, metric = s.metric, amount = s.amount, occurred_at = ${timeOf("s.occur_us")},
    path = s.path, user_id = s.user_id, attributes = s.attributes, warnings = s.warnings,
    warnings_truncated = s.warnings_truncated, normalizer_version = $3::smallint
  FROM unnest(
    $5::bytea[], $6::text[], $7::text[], $8::numeric[], $9::bigint[], $10::text[], $11::text[],
    $12::text[], $13::text[], $14::numeric[], $15::bigint[], $16::text[], $17::text[], $18::text[],
    $19::text[], $20::boolean[], $21::text[]
  ) AS s(
    event_id, old_client, old_metric, old_amount, old_occur_us, old_path, old_user_id,
    client, metric, amount, occur_us, path, user_id, attributes,
    warnings, warnings_truncated, detail
  )
  WHERE e.project_key = $1 AND e.event_id = s.event_id AND e.state = 2
    AND e.client = s.old_client AND e.metric = s.old_metric AND e.amount = s.old_amount
    AND e.occurred_at = ${timeOf("s.old_occur_us")}
    AND e.path IS NOT DISTINCT FROM s.old_path AND e.user_id IS NOT DISTINCT FROM s.old_user_id
  RETURNING s.*
),
moves AS (
  SELECT old_client AS client, old_metric AS metric, -1 AS weight, old_occur_us AS occur_us,
    old_path AS path, old_user_id AS user_id
  FROM changed
  UNION ALL
  SELECT client, metric, 1, occur_us, path, user_id
  FROM changed
),
folding AS (
  INSERT INTO event_fold_queue (project_key, client, metric, batch_key, weight, days, paths, users)
  SELECT
    $1, client, metric, $2::bigint, weight,
    array_agg(((${timeOf("occur_us")}) AT TIME ZONE 'UTC')::date),
    array_agg(COALESCE(path, '')), array_agg(COALESCE(user_id, ''))
  FROM moves
  GROUP BY client, metric, weight
),
log AS (
  INSERT INTO processing_log (project_key, event_id, step, detail, actor)
  SELECT $1, event_id, 4, detail, $4::text
  FROM changed
)
SELECT encode(event_id, 'hex') AS id FROM changed`;
