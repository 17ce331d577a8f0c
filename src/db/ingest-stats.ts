/** What was sent within a window, by the ledgers, and what is still open: all of one snapshot. */
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** What one sender sent. */
export interface IngestTotals {
  /** 1 results, 2 events: the numbers of the contract's enum. */
  readonly kind: number;
  readonly client: string;
  readonly accepted: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejected: number;
  readonly queued: number;
}

export interface IngestState {
  /** The window, in microseconds since the epoch. */
  readonly startUs: number;
  readonly endUs: number;
  /** By kind, then by what was received, descending, then by client. None of a window that is too long. */
  readonly totals: readonly IngestTotals[];
  /** Open rejections, by kind and reason. */
  readonly open: readonly {
    readonly kind: number;
    readonly reason: number;
    readonly count: number;
  }[];
  readonly inboxDepth: number;
  readonly inboxOldestUs: number | null;
}

/** Which window; null: up to now by the database's clock, from 24 hours before the end. */
export interface IngestWindow {
  readonly startUs: number | null;
  readonly endUs: number | null;
  readonly maxDays: number;
}

/**
 * The state of ingestion; totals of `limit` senders. Serves from batches_by_time, event_batches_by_time,
 * rejections_by_state and inbox_due.
 */
export async function readIngestState(
  db: Queryable,
  projectKey: string,
  window: IngestWindow,
  limit: number,
  deadlineAt: number,
): Promise<IngestState> {
  const [row] = await db.query<StateColumns>(
    READ,
    [projectKey, window.startUs, window.endUs, window.maxDays, limit],
    { deadlineAt },
  );
  if (row === undefined) throw new Error("the statement answers one row");
  return {
    startUs: Number(row.start_us),
    endUs: Number(row.end_us),
    totals: row.totals,
    open: row.open,
    inboxDepth: Number(row.inbox_depth),
    inboxOldestUs: readMicros(row.inbox_oldest_us),
  };
}

interface StateColumns {
  start_us: string;
  end_us: string;
  totals: IngestTotals[];
  open: { kind: number; reason: number; count: number }[];
  inbox_depth: string;
  inbox_oldest_us: string | null;
}

/** The part of a ledger that lies in the window. */
const IN_WINDOW = `project_key = $1 AND created_at > '-infinity'
    AND created_at >= (SELECT starts_at FROM bounds)
    AND created_at < (SELECT ends_at FROM bounds)
    AND (SELECT ends_at - starts_at <= $4::int * interval '1 day' FROM bounds)`;

const READ = `
WITH bounds AS MATERIALIZED (
  SELECT COALESCE(${timeOf("$2")}, ends_at - interval '24 hours') AS starts_at, ends_at
  FROM (SELECT COALESCE(${timeOf("$3")}, now()) AS ends_at) AS last
),
totals AS (
  SELECT
    1 AS kind, token_id AS client, sum(accepted_count) AS accepted, sum(duplicate_count) AS duplicates,
    sum(conflict_count) AS conflicts, sum(rejected_count) AS rejected, 0 AS queued
  FROM batches
  WHERE ${IN_WINDOW}
  GROUP BY token_id
  UNION ALL
  SELECT
    2, client, sum(processed_count), sum(duplicate_count), sum(conflict_count), sum(rejected_count),
    sum(queued_count)
  FROM event_batches
  WHERE ${IN_WINDOW}
  GROUP BY client
),
ranked AS (
  SELECT *, row_number() OVER (
    ORDER BY kind, accepted + duplicates + conflicts + rejected + queued DESC, client COLLATE "C"
  ) AS place
  FROM totals
  WHERE accepted + duplicates + conflicts + rejected + queued > 0
  ORDER BY place
  LIMIT $5::int
),
open AS (
  SELECT kind, reason, count(*) AS count
  FROM rejections
  WHERE project_key = $1 AND state = 1
  GROUP BY kind, reason
),
waiting AS (
  SELECT count(*) AS depth, min(queued_at) AS oldest_at
  FROM inbox
  WHERE project_key = $1
)
SELECT
  ${microsOf("starts_at")} AS start_us, ${microsOf("ends_at")} AS end_us, depth AS inbox_depth,
  ${microsOf("oldest_at")} AS inbox_oldest_us,
  COALESCE((SELECT jsonb_agg(to_jsonb(ranked) - 'place' ORDER BY place) FROM ranked), '[]') AS totals,
  COALESCE((SELECT jsonb_agg(to_jsonb(open) ORDER BY kind, reason) FROM open), '[]') AS open
FROM bounds, waiting`;
