/** What a project keeps of its events, at a bounded cost: not every one of ten millions is counted for it. */
import { startOf } from "./days.js";
import { IN_ORDER_OF_RECEIPT } from "./event-conditions.js";
import { EVENT_STATES } from "./event-rows.js";
import { microsOf, readMicros } from "./micros.js";
import type { Queryable } from "./queryable.js";

export interface RetainedEvents {
  readonly retentionDays: number;
  /** When the oldest event whose content is kept was received. */
  readonly oldestUs: number | null;
  /** Events whose content is kept, and those that are remembered without it. */
  readonly count: number;
  readonly droppedCount: number;
  /** Their share of the table's size, by rows. */
  readonly bytes: number;
  /** When the content of the oldest leaves. */
  readonly nextDropUs: number | null;
}

/**
 * What the project keeps now; null if it is gone. Counts are exact up to `maxCounted`, and beyond it what the planner
 * expects by the last ANALYZE. Serves from events_by_time and events_dropped.
 */
export async function readRetainedEvents(
  db: Queryable,
  projectKey: string,
  maxCounted: number,
  deadlineAt: number,
): Promise<RetainedEvents | null> {
  const params = [projectKey, maxCounted + 1];
  const [row] = await db.query<RetainedColumns>(READ, params, { deadlineAt });
  if (row === undefined) return null;
  const countOf = async (counted: number, condition: string) =>
    counted <= maxCounted
      ? counted
      : Math.max(counted, await estimate(db, projectKey, condition, deadlineAt));
  const count = await countOf(row.counted, IS_KEPT);
  const tableRows = Math.max(row.table_rows, count);
  return {
    retentionDays: row.event_retention_days,
    oldestUs: readMicros(row.oldest_us),
    count,
    droppedCount: await countOf(row.dropped, IS_DROPPED),
    bytes: tableRows === 0 ? 0 : Math.round((Number(row.table_bytes) * count) / tableRows),
    nextDropUs: readMicros(row.next_drop_us),
  };
}

interface RetainedColumns {
  event_retention_days: number;
  oldest_us: string | null;
  next_drop_us: string | null;
  counted: number;
  dropped: number;
  table_rows: number;
  table_bytes: string;
}

/** How many rows the planner expects. */
async function estimate(
  db: Queryable,
  projectKey: string,
  condition: string,
  deadlineAt: number,
): Promise<number> {
  const [row] = await db.query<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM events WHERE project_key = $1 AND ${condition}`,
    [projectKey],
    { deadlineAt },
  );
  return row?.["QUERY PLAN"][0].Plan["Plan Rows"] ?? 0;
}

const IS_KEPT = IN_ORDER_OF_RECEIPT;
const IS_DROPPED = `state = ${EVENT_STATES.dropped}`;

const countText = (condition: string) => `(
    SELECT count(*)::int
    FROM (SELECT FROM events WHERE project_key = $1 AND ${condition} LIMIT $2::int) AS e
  )`;

const READ = `
SELECT
  p.event_retention_days,
  ${microsOf("oldest.received_at")} AS oldest_us,
  CASE WHEN p.event_retention_days > 0 THEN
    ${microsOf(startOf("(oldest.received_at AT TIME ZONE 'UTC')::date + p.event_retention_days + 1"))}
  END AS next_drop_us,
  ${countText(IS_KEPT)} AS counted,
  ${countText(IS_DROPPED)} AS dropped,
  GREATEST(c.reltuples, 0)::float8 AS table_rows,
  pg_total_relation_size(c.oid) AS table_bytes
FROM projects p
JOIN pg_class c ON c.oid = 'events'::regclass
LEFT JOIN LATERAL (
  SELECT received_at
  FROM events
  WHERE project_key = $1 AND ${IS_KEPT}
  ORDER BY received_at
  LIMIT 1
) AS oldest ON true
WHERE p.project_key = $1 AND p.deleted_at IS NULL`;
