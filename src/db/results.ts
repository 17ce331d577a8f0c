/**
 * The hot path: one auto-commit statement stores the results of many callers, attributes them, and answers
 * what did not go in. A statement serves one project.
 */
import { byteaArray, parseSubscripts, plainArray, textArray } from "./array-literal.js";
import { RUN_LIVES } from "./living-run.js";
import type { Queryable } from "./queryable.js";

/** The columns of one result. */
export interface ResultRow {
  /** `tests.test_key`, an int8 in decimal. */
  readonly testKey: string;
  readonly resultId: string;
  readonly status: number;
  readonly attempt: number;
  /** Microseconds since the epoch. */
  readonly startUs: number | null;
  readonly durationUs: number | null;
  readonly failureMessage: string | null;
  readonly details: Uint8Array | null;
}

/** Rows of one statement that share run, part and token; they make one row of the ledger. */
export interface ResultGroup {
  readonly runKey: string;
  /** ISO date: the partition of the run's results. */
  readonly runDay: string;
  readonly partId: Uint8Array;
  /** 63 random bits in decimal, drawn before the first attempt; a retry sends it again. */
  readonly batchKey: string;
  readonly tokenId: string;
}

export interface ResultBatch {
  readonly projectKey: string;
  readonly groups: readonly ResultGroup[];
  readonly rows: readonly ResultRow[];
  /** For each row the index of its group. */
  readonly groupOf: readonly number[];
}

export interface InsertOutcome {
  /** Groups whose run is deleted or expired, or whose project is deleted: nothing of them was stored. */
  readonly deadGroups: readonly number[];
  /** Rows of living groups that did not go in: their key is stored, or stands twice in the batch. */
  readonly leftOut: readonly number[];
  /** Groups that came after their part had finished, or their run was closed or abandoned: its state may change. */
  readonly unsettledGroups: readonly number[];
}

/** Stores what is new. Idempotent by key: a repeat with the same batch keys changes nothing. */
export async function insertResults(
  db: Queryable,
  batch: ResultBatch,
  deadlineAt: number,
): Promise<InsertOutcome> {
  const { groups, rows, groupOf } = batch;
  const [row] = await db.query<InsertColumns>(
    INSERT,
    [batch.projectKey, ...groupParams(groups), ...rowParams(rows, groupOf)],
    { deadlineAt },
  );
  const dead = parseSubscripts(row?.dead);
  return {
    deadGroups: dead,
    unsettledGroups: parseSubscripts(row?.unsettled),
    // The statement spares itself the list when nothing went in.
    leftOut:
      row?.inserted === 0
        ? groupOf.flatMap((g, ord) => (dead.includes(g) ? [] : [ord]))
        : parseSubscripts(row?.left_out),
  };
}

interface InsertColumns {
  inserted: number;
  dead: string | null;
  unsettled: string | null;
  left_out: string | null;
}

/** The groups, as parameters of the statements that send results. */
export function groupParams(groups: readonly ResultGroup[]): string[] {
  return [
    plainArray(groups.map((g) => g.runKey)),
    plainArray(groups.map((g) => g.runDay)),
    byteaArray(groups.map((g) => g.partId)),
    plainArray(groups.map((g) => g.batchKey)),
    textArray(groups.map((g) => g.tokenId)),
  ];
}

/** The rows, as parameters of those. */
export function rowParams(rows: readonly ResultRow[], groupOf: readonly number[]): string[] {
  return [
    plainArray(groupOf.map((g) => g + 1)),
    plainArray(rows.map((r) => r.testKey)),
    textArray(rows.map((r) => r.resultId)),
    plainArray(rows.map((r) => r.status)),
    plainArray(rows.map((r) => r.attempt)),
    plainArray(rows.map((r) => r.startUs)),
    plainArray(rows.map((r) => r.durationUs)),
    textArray(rows.map((r) => r.failureMessage)),
    byteaArray(rows.map((r) => r.details)),
  ];
}

/**
 * The rows as sent. A row finds its group by subscript: a join with the groups is planned for ten rows
 * and may become a nested loop over all pairs. Times within 1970 to 2199 survive the double of the
 * interval product.
 */
export const SENT = `
  SELECT
    s.ord, s.g, ($2::bigint[])[s.g] AS run_key, ($3::date[])[s.g] AS run_day,
    ($5::bigint[])[s.g] AS batch_key, s.test_key, s.result_id, s.status, s.attempt,
    timestamptz 'epoch' + s.start_us * interval '1 microsecond' AS start_time,
    s.duration_us, s.failure_message, s.details
  FROM unnest(
    $7::int[], $8::bigint[], $9::text[], $10::smallint[], $11::smallint[], $12::bigint[], $13::bigint[],
    $14::text[], $15::bytea[]
  ) WITH ORDINALITY AS s(
    g, test_key, result_id, status, attempt, start_us, duration_us, failure_message, details, ord
  )`;

/**
 * - `live`: a deleted or expired run takes nothing, nor does a deleted project, in the same snapshot as the insert.
 * - The order by key keeps two lanes from a deadlock; by ord, the first of two equal keys goes in.
 * - The ledger and the fold queue get a row only where something went in, so a batch that is sent again
 *   after a lost COMMIT adds nothing to them.
 * - `left_out` sorts sent and inserted rows together, once, and only when it is needed: in each key the
 *   inserted row (ord 0) cancels the first sent one.
 * - Rows that come late make their run unsettled; `unsettles` lifts an abandonment.
 */
const INSERT = `
WITH groups AS MATERIALIZED (
  SELECT
    g.ord::int AS g, g.run_key, g.part_id, g.batch_key, g.token_id,
    r.run_key IS NOT NULL AS live,
    p.finished_at IS NOT NULL AS late,
    p.finished_at IS NOT NULL OR r.abandoned_at IS NOT NULL OR r.closed_at IS NOT NULL AS unsettles
  FROM unnest($2::bigint[], $4::bytea[], $5::bigint[], $6::text[])
    WITH ORDINALITY AS g(run_key, part_id, batch_key, token_id, ord)
  LEFT JOIN LATERAL (
    SELECT run_key, abandoned_at, closed_at FROM runs
    WHERE project_key = $1 AND run_key = g.run_key AND ${RUN_LIVES}
    OFFSET 0
  ) r ON true
  LEFT JOIN LATERAL (
    SELECT finished_at FROM run_parts
    WHERE project_key = $1 AND run_key = g.run_key AND part_id = g.part_id
    OFFSET 0
  ) p ON true
),
sent AS MATERIALIZED (
  SELECT s.*, (SELECT array_agg(live ORDER BY g) FROM groups)[s.g] AS live
  FROM (${SENT}) s
),
inserted AS (
  INSERT INTO results (
    project_key, run_key, test_key, batch_key, duration_us, start_time, run_day, status, attempt,
    result_id, failure_message, details
  )
  SELECT
    $1, run_key, test_key, batch_key, duration_us, start_time, run_day, status, attempt,
    result_id, failure_message, details
  FROM sent
  WHERE live
  ORDER BY run_day, run_key, test_key, result_id, ord
  ON CONFLICT DO NOTHING
  RETURNING run_key, test_key, result_id, batch_key, status, duration_us
),
counts AS MATERIALIZED (
  SELECT
    batch_key,
    count(*)::int AS accepted,
    count(*) FILTER (WHERE status = 1)::int AS passed,
    count(*) FILTER (WHERE status = 2)::int AS failed,
    count(*) FILTER (WHERE status = 3)::int AS errored,
    count(*) FILTER (WHERE status = 4)::int AS skipped,
    count(*) FILTER (WHERE status = 5)::int AS precluded,
    COALESCE(sum(duration_us), 0)::bigint AS duration_us,
    array_agg(test_key) AS test_keys,
    array_agg(status) AS statuses,
    array_agg(duration_us) AS durations
  FROM inserted
  GROUP BY batch_key
),
ledger AS (
  INSERT INTO batches (
    project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count,
    foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
    skipped_count, precluded_count, duration_us
  )
  SELECT
    $1, g.run_key, g.batch_key, g.part_id, g.token_id, g.late, c.accepted, 0,
    0, 0, 0, c.passed, c.failed, c.errored,
    c.skipped, c.precluded, c.duration_us
  FROM groups g
  JOIN counts c ON c.batch_key = g.batch_key
  ON CONFLICT DO NOTHING
),
queue AS (
  INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
  SELECT $1, g.run_key, g.batch_key, c.test_keys, c.statuses, c.durations
  FROM groups g
  JOIN counts c ON c.batch_key = g.batch_key
  ON CONFLICT DO NOTHING
),
unsettled AS (
  UPDATE runs
  SET state_version = state_version + 1, unsettled_at = now(), abandoned_at = NULL
  WHERE project_key = $1 AND run_key IN (
    SELECT g.run_key FROM groups g JOIN counts c ON c.batch_key = g.batch_key WHERE g.unsettles
  )
),
total AS MATERIALIZED (SELECT count(*)::int AS inserted FROM inserted)
SELECT
  (SELECT array_agg(g) FROM groups WHERE NOT live)::text AS dead,
  (SELECT array_agg(g) FROM groups WHERE live AND unsettles)::text AS unsettled,
  inserted,
  CASE WHEN inserted > 0 AND inserted < (SELECT count(*) FROM sent WHERE live) THEN (
    SELECT array_agg(ord)::text
    FROM (
      SELECT ord, min(ord) OVER key AS first_ord, row_number() OVER key AS position
      FROM (
        SELECT run_key, test_key, result_id, ord FROM sent WHERE live
        UNION ALL
        SELECT run_key, test_key, result_id, 0 FROM inserted
      ) both_sides
      WINDOW key AS (PARTITION BY run_key, test_key, result_id ORDER BY ord)
    ) numbered
    WHERE ord > 0 AND NOT (first_ord = 0 AND position = 2)
  ) END AS left_out
FROM total`;
