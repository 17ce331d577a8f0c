/** Pages of stored events, newest received first. */
import {
  type Bind,
  type EventFilter,
  type EventKey,
  IN_ORDER_OF_RECEIPT,
  matchOf,
  rangeOf,
} from "./event-conditions.js";
import {
  EVENT_COLUMNS,
  EVENT_STATES,
  type EventColumns,
  type StoredEvent,
  toStoredEvent,
} from "./event-rows.js";
import { readMicros } from "./micros.js";
import type { Param, Queryable } from "./queryable.js";

/** The bounds of a page. */
export interface EventPage {
  readonly after: EventKey | null;
  readonly limit: number;
  /** It ends once its texts pass this. */
  readonly maxBytes: number;
  /** It ends once so many events were looked at that do not match. */
  readonly maxExamined: number;
}

/**
 * A page of the events that match, and where the next one begins; null on the last. A page may have fewer
 * than its limit, and none at all: a rare event among millions is found over several. What a client has sent,
 * and what waits, is gathered by key where it is no more than `maxExamined`; everything else is looked for in
 * the order of receipt, by events_by_time.
 */
export async function listEvents(
  db: Queryable,
  projectKey: string,
  filter: EventFilter,
  page: EventPage,
  deadlineAt: number,
): Promise<{ events: StoredEvent[]; next: EventKey | null }> {
  const gathers = await isGathered(db, projectKey, filter, page.maxExamined, deadlineAt);
  const params: Param[] = [projectKey];
  const text = (gathers ? gatherText : scanText)(filter, page, (value) => {
    params.push(value);
    return `$${params.length}`;
  });
  const rows = await db.query<PageColumns>(text, params, { deadlineAt });
  // The last row alone tells where a scan stopped: it is there also when no event matches.
  const edgeUs = readMicros(rows.at(-1)?.edge_us ?? null);
  const edge = edgeUs === null ? null : { receiveUs: edgeUs, eventId: rows.at(-1)?.edge_id ?? "" };
  const found = rows.filter((row): row is PageColumns & EventColumns => row.event_id !== null);
  const events = found.slice(0, page.limit).map(toStoredEvent);
  const last = events.at(-1);
  const bytes = found.reduce((sum, { size }) => sum + Number(size), 0);
  if (last !== undefined && (found.length > page.limit || bytes > page.maxBytes)) {
    return { events, next: keyOf(last) };
  }
  return { events, next: edge };
}

type PageColumns = (EventColumns | { event_id: null }) & {
  size: string;
  edge_us: string | null;
  edge_id: string | null;
};

function keyOf({ receiveUs, eventId }: StoredEvent): EventKey {
  return { receiveUs, eventId: Buffer.from(eventId).toString("hex") };
}

/** Whether what the keys lead to is little enough to be read whole and sorted. */
async function isGathered(
  db: Queryable,
  projectKey: string,
  filter: EventFilter,
  maxExamined: number,
  deadlineAt: number,
): Promise<boolean> {
  if (filter.client === "" && filter.state !== EVENT_STATES.queued) return false;
  const [row] = await db.query<{ candidates: number }>(
    CANDIDATES,
    [projectKey, filter.client, filter.state, maxExamined + 1],
    { deadlineAt },
  );
  return (row?.candidates ?? 0) <= maxExamined;
}

const CANDIDATES = `
SELECT (
  SELECT count(*)::int
  FROM (
    SELECT
    FROM events
    WHERE project_key = $1 AND client = $2 AND state = 2 AND $3::smallint <> ${EVENT_STATES.queued}
    LIMIT $4::int
  ) AS processed
) + (
  SELECT count(*)::int
  FROM (
    SELECT
    FROM inbox
    WHERE project_key = $1 AND $3::smallint <> ${EVENT_STATES.processed}
    LIMIT $4::int
  ) AS waiting
) AS candidates`;

const NEWEST_FIRST = "ORDER BY received_at DESC, event_id DESC";

/** Looks at events in the order of receipt, up to a bound. */
function scanText(filter: EventFilter, page: EventPage, bind: Bind): string {
  const range = and([
    "project_key = $1",
    IN_ORDER_OF_RECEIPT,
    ...rangeOf(filter, page.after, bind),
  ]);
  const match = matchOf(filter, bind);
  const limit = `${bind(page.limit + 1)}::int`;
  const maxBytes = `${bind(page.maxBytes)}::bigint`;
  if (match.length === 0) {
    return pageText(`SELECT * FROM events WHERE ${range}`, NO_EDGE, limit, maxBytes);
  }
  const maxExamined = `${bind(page.maxExamined)}::int`;
  return pageText(
    `SELECT *
    FROM (SELECT * FROM events WHERE ${range} ${NEWEST_FIRST} LIMIT ${maxExamined}) AS examined
    WHERE ${and(match)}`,
    // The last that was looked at, where the page did not fill.
    `SELECT received_at, event_id
    FROM events
    WHERE ${range} AND (SELECT count(*) FROM found) < ${limit}
    ${NEWEST_FIRST}
    LIMIT 1 OFFSET ${maxExamined} - 1`,
    limit,
    maxBytes,
  );
}

const NO_EDGE = "SELECT NULL::timestamptz AS received_at, NULL::bytea AS event_id";

/** Reads what a client sent by events_by_client, and what waits by the inbox, and sorts it. */
function gatherText(filter: EventFilter, page: EventPage, bind: Bind): string {
  const conditions = and([...rangeOf(filter, page.after, bind), ...matchOf(filter, bind)]);
  // OFFSET 0 keeps the planner from looking for them in the order of receipt.
  const processed = `
    SELECT * FROM (
      SELECT * FROM events WHERE project_key = $1 AND state = 2 AND ${conditions} OFFSET 0
    ) AS processed`;
  const waiting = `
    SELECT e.*
    FROM inbox AS i
    CROSS JOIN LATERAL (
      SELECT *
      FROM events
      WHERE project_key = $1 AND event_id = i.event_id AND state = 1 AND ${conditions}
      OFFSET 0
    ) AS e
    WHERE i.project_key = $1`;
  const sources = [
    ...(filter.state === EVENT_STATES.queued ? [] : [processed]),
    ...(filter.state === EVENT_STATES.processed ? [] : [waiting]),
  ];
  return pageText(
    `SELECT * FROM (${sources.join(" UNION ALL ")}) AS gathered`,
    NO_EDGE,
    `${bind(page.limit + 1)}::int`,
    `${bind(page.maxBytes)}::bigint`,
  );
}

/** The first of `source`, until they pass the bytes, each beside the edge; the edge alone where there are none. */
function pageText(source: string, edge: string, limit: string, maxBytes: string): string {
  return `
WITH found AS MATERIALIZED (
  SELECT ${EVENT_COLUMNS}, received_at, ${SIZE} AS size
  FROM (${source}) AS events
  ${NEWEST_FIRST}
  LIMIT ${limit}
),
page AS (
  SELECT *, sum(size) OVER (${NEWEST_FIRST} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS size_before
  FROM found
),
edge AS (${edge})
SELECT page.*, edge_us, edge_id
FROM (
  SELECT
    max((EXTRACT(epoch FROM received_at) * 1000000)::bigint) AS edge_us,
    max(encode(event_id, 'hex')) AS edge_id
  FROM edge
) AS stop
LEFT JOIN page ON COALESCE(size_before, 0) <= ${maxBytes}
${NEWEST_FIRST}`;
}

const SIZE = `200 + octet_length(client) + octet_length(metric) + COALESCE(octet_length(path), 0)
    + COALESCE(octet_length(user_id), 0) + COALESCE(octet_length(idempotency_key), 0)
    + COALESCE(octet_length(attributes), 0) + COALESCE(octet_length(warnings), 0)`;

function and(conditions: readonly string[]): string {
  return conditions.join(" AND ");
}
