/**
 * The hot path of events: one auto-commit statement stores the events and keeps the refusals of many callers, and
 * answers what did not go in. A statement serves one project.
 */
import {
  byteaArray,
  parseIntegers,
  parseSubscripts,
  plainArray,
  textArray,
} from "./array-literal.js";
import type { StoredState } from "./event-rows.js";
import { INBOX_CHANNEL } from "./inbox.js";
import { keptRefusals } from "./kept-refusals.js";
import { PROJECT_LIVES } from "./living-run.js";
import { timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** The columns of one event. */
export interface EventRow {
  /** 16 bytes. */
  readonly eventId: Uint8Array;
  /** 16 bytes, where the id is made of an idempotency key. */
  readonly contentHash: Uint8Array | null;
  /** Microseconds since the epoch. */
  readonly occurredUs: number;
  /** A decimal without exponent. */
  readonly amount: string;
  readonly client: string;
  readonly metric: string;
  readonly path: string | null;
  readonly userId: string | null;
  readonly idempotencyKey: string | null;
  /** A JSON object. */
  readonly attributes: string | null;
  /** JSON: `[{"code", "field", "description"}]`. */
  readonly warnings: string | null;
  readonly warningsTruncated: boolean;
  readonly raw: Uint8Array;
}

/** A refused event, as it is kept. */
export interface RefusedEventRow {
  /** 16 bytes, unique within the statement. */
  readonly rejectionId: Uint8Array;
  readonly reason: number;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly violationsTruncated: boolean;
  readonly index: number;
  /** As text. */
  readonly eventId: string;
  readonly bytes: Uint8Array;
  /** As far as it could be read. */
  readonly client: string;
  readonly idempotencyKey: string;
  /** How often it stands in the statement. */
  readonly repeats: number;
}

/** Events and refusals of one call; with a client they make one row of the ledger. */
export interface EventGroup {
  readonly tokenId: string;
  readonly state: StoredState;
  /** Attempts that are to fail; of queued events. */
  readonly failingAttempts: number;
}

/** Items of one statement, each with the index of its group. */
export interface EventBatch {
  readonly projectKey: string;
  /**
   * 63 random bits in decimal, drawn before the first attempt; a retry sends it again. Groups count on from it, so
   * that a row of the answer leads to its group.
   */
  readonly batchKey: string;
  readonly groups: readonly EventGroup[];
  readonly rows: readonly EventRow[];
  readonly groupOf: readonly number[];
  readonly refused: readonly RefusedEventRow[];
  readonly refusedGroupOf: readonly number[];
  readonly normalizerVersion: number;
  /** The bound on kept bytes of a project without its own. */
  readonly maxKeptBytes: number;
}

export interface EventInsertOutcome {
  /** The project is deleted, and nothing was stored. */
  readonly gone: boolean;
  /** Rows that did not go in: their id is stored, or stands twice in the batch. */
  readonly leftOut: readonly number[];
  /** For each refused row, how often it was refused so far. */
  readonly repeatCounts: readonly number[];
  /** The project has open rejections of events, which these ones may resolve. */
  readonly hasOpenRejections: boolean;
}

/**
 * Stores what is new and keeps what is refused. Idempotent by key: a repeat with the same batch key changes
 * nothing. Throws DbError `check` with constraint `rejection_quota` when the project would keep too many refused
 * bytes; then nothing is stored.
 */
export async function insertEvents(
  db: Queryable,
  batch: EventBatch,
  deadlineAt: number,
): Promise<EventInsertOutcome> {
  const { groups, refused } = batch;
  const refusedParams = refused.length === 0 ? [] : refusalParams(batch);
  const [row] = await db.query<InsertColumns>(
    refused.length === 0 ? INSERT : INSERT_AND_KEEP,
    [
      batch.projectKey,
      batch.batchKey,
      textArray(groups.map((g) => g.tokenId)),
      plainArray(groups.map((g) => g.state)),
      plainArray(groups.map((g) => g.failingAttempts)),
      batch.normalizerVersion,
      ...rowParams(batch),
      ...refusedParams,
    ],
    { deadlineAt },
  );
  return {
    gone: row?.live !== true,
    // The statement spares itself the list when nothing went in.
    leftOut: row?.inserted === 0 ? [...batch.rows.keys()] : parseSubscripts(row?.left_out),
    repeatCounts: parseIntegers(row?.repeat_counts ?? null),
    hasOpenRejections: row?.has_open_rejections === true,
  };
}

interface InsertColumns {
  live: boolean;
  inserted: number;
  left_out: string | null;
  repeat_counts?: string | null;
  has_open_rejections: boolean;
}

function rowParams({ rows, groupOf }: EventBatch): string[] {
  return [
    plainArray(groupOf.map((g) => g + 1)),
    byteaArray(rows.map((r) => r.eventId)),
    byteaArray(rows.map((r) => r.contentHash)),
    plainArray(rows.map((r) => r.occurredUs)),
    plainArray(rows.map((r) => r.amount)),
    textArray(rows.map((r) => r.client)),
    textArray(rows.map((r) => r.metric)),
    textArray(rows.map((r) => r.path)),
    textArray(rows.map((r) => r.userId)),
    textArray(rows.map((r) => r.idempotencyKey)),
    textArray(rows.map((r) => r.attributes)),
    textArray(rows.map((r) => r.warnings)),
    plainArray(rows.map((r) => r.warningsTruncated)),
    byteaArray(rows.map((r) => r.raw)),
  ];
}

function refusalParams({ refused, refusedGroupOf, maxKeptBytes }: EventBatch): (string | number)[] {
  return [
    maxKeptBytes,
    plainArray(refusedGroupOf.map((g) => g + 1)),
    byteaArray(refused.map((r) => r.rejectionId)),
    plainArray(refused.map((r) => r.reason)),
    textArray(refused.map((r) => JSON.stringify(r.violations))),
    plainArray(refused.map((r) => r.violationsTruncated)),
    plainArray(refused.map((r) => r.index)),
    textArray(refused.map((r) => r.eventId)),
    byteaArray(refused.map((r) => r.bytes)),
    textArray(refused.map((r) => r.client)),
    textArray(refused.map((r) => r.idempotencyKey)),
    plainArray(refused.map((r) => r.repeats)),
  ];
}

/**
 * - `live`: a deleted project takes nothing, in the same snapshot as the insert.
 * - The order by id keeps two lanes from a deadlock; by ord, the first of two equal ids goes in.
 * - Rows of the ledger, the inbox and the fold queue are made from what went in, so a batch that is sent again
 *   after a lost COMMIT adds nothing to them.
 * - `left_out` sorts sent and inserted ids together, only when it is needed: in each id the inserted row (ord 0)
 *   cancels the first sent one.
 */
const insert = (keep: string, refusedCounts: string, repeatCounts: string) => `
WITH door AS MATERIALIZED (
  SELECT ${PROJECT_LIVES} AS live
),
sent AS MATERIALIZED (
  SELECT s.*
  FROM door
  CROSS JOIN unnest(
    $7::int[], $8::bytea[], $9::bytea[], $10::bigint[], $11::numeric[], $12::text[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::boolean[], $20::bytea[]
  ) WITH ORDINALITY AS s(
    g, event_id, content_hash, occurred_us, amount, client, metric, path, user_id, idempotency_key,
    attributes, warnings, warnings_truncated, raw, ord
  )
  WHERE door.live
),
inserted AS (
  INSERT INTO events (
    project_key, event_id, state, occurred_at, amount, batch_key, content_hash, normalizer_version, client,
    metric, path, user_id, idempotency_key, attributes, warnings, warnings_truncated, raw
  )
  SELECT
    $1, event_id, ($4::smallint[])[g], ${timeOf("occurred_us")}, amount, $2::bigint + g - 1, content_hash,
    $6::smallint, client, metric, path, user_id, idempotency_key, attributes, warnings, warnings_truncated, raw
  FROM sent
  ORDER BY event_id, ord
  ON CONFLICT DO NOTHING
  RETURNING event_id, state, batch_key, client, metric, occurred_at, path, user_id
),
queued AS (
  INSERT INTO inbox (project_key, event_id, failing_attempts)
  SELECT $1, event_id, ($5::smallint[])[batch_key - $2::bigint + 1]
  FROM inserted
  WHERE state = 1
  RETURNING 1
),
folding AS (
  INSERT INTO event_fold_queue (project_key, client, metric, batch_key, weight, days, paths, users)
  SELECT
    $1, client, metric, batch_key, 1, array_agg((occurred_at AT TIME ZONE 'UTC')::date),
    array_agg(COALESCE(path, '')), array_agg(COALESCE(user_id, ''))
  FROM inserted
  WHERE state = 2
  GROUP BY client, metric, batch_key
)${keep},
counts AS (
  SELECT
    batch_key, client,
    count(*) FILTER (WHERE state = 2) AS processed, count(*) FILTER (WHERE state = 1) AS queued, 0 AS rejected
  FROM inserted
  GROUP BY batch_key, client${refusedCounts}
),
ledger AS (
  INSERT INTO event_batches (
    project_key, batch_key, client, token_id, processed_count, queued_count, duplicate_count, conflict_count,
    rejected_count
  )
  SELECT
    $1, batch_key, client, ($3::text[])[batch_key - $2::bigint + 1], sum(processed), sum(queued), 0, 0,
    sum(rejected)
  FROM counts
  GROUP BY batch_key, client
  ON CONFLICT DO NOTHING
),
total AS MATERIALIZED (SELECT count(*)::int AS inserted FROM inserted)
SELECT
  (SELECT live FROM door) AS live,
  inserted,
  EXISTS (
    SELECT FROM rejections WHERE project_key = $1 AND kind = 3 AND state = 1
  ) AS has_open_rejections,
  CASE WHEN inserted > 0 AND inserted < (SELECT count(*) FROM sent) THEN (
    SELECT array_agg(ord)::text
    FROM (
      SELECT ord, min(ord) OVER id AS first_ord, row_number() OVER id AS position
      FROM (
        SELECT event_id, ord FROM sent
        UNION ALL
        SELECT event_id, 0 FROM inserted
      ) both_sides
      WINDOW id AS (PARTITION BY event_id ORDER BY ord)
    ) numbered
    WHERE ord > 0 AND NOT (first_ord = 0 AND position = 2)
  ) END AS left_out,
  (SELECT count(pg_notify('${INBOX_CHANNEL}', '')) FROM (SELECT FROM queued LIMIT 1) any_queued) AS notified${repeatCounts}
FROM total`;

const INSERT = insert("", "", "");

// Conflicts are counted where they are found: by the probe.
const INSERT_AND_KEEP = insert(
  `,
refused AS (
  SELECT
    s.rejection_id, 3 AS kind, s.reason, s.violations::jsonb AS violations, s.violations_truncated,
    '' AS run_id, NULL::bigint AS run_key, NULL::bytea AS part_id, ''::bytea AS part, s.item_index,
    s.event_id AS result_id, s.bytes, s.client, $2::bigint + s.g - 1 AS batch_key, s.repeats,
    s.idempotency_key, s.ord
  FROM door
  CROSS JOIN unnest(
    $22::int[], $23::bytea[], $24::smallint[], $25::text[], $26::boolean[], $27::bigint[], $28::text[],
    $29::bytea[], $30::text[], $31::text[], $32::int[]
  ) WITH ORDINALITY AS s(
    g, rejection_id, reason, violations, violations_truncated, item_index, event_id, bytes, client,
    idempotency_key, repeats, ord
  )
  WHERE door.live
),
${keptRefusals("$21")}`,
  `
  UNION ALL
  SELECT batch_key, client, 0, 0, sum(repeats) FILTER (WHERE reason <> 2)
  FROM refused
  GROUP BY batch_key, client
  HAVING sum(repeats) FILTER (WHERE reason <> 2) > 0`,
  `,
  (
    SELECT array_agg(kept.repeat_count ORDER BY refused.ord)::text
    FROM refused
    JOIN kept USING (rejection_id)
  ) AS repeat_counts`,
);
