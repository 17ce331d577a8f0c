/** Keeps what ingestion refuses, within the project's bound. */
import { byteaArray, plainArray, textArray } from "./array-literal.js";
import { keptRefusals } from "./kept-refusals.js";
import { PROJECT_LIVES, RUN_LIVES } from "./living-run.js";
import type { Queryable } from "./queryable.js";

/** One refused item. */
export interface RefusalRow {
  /** 16 bytes, unique within the statement. */
  readonly rejectionId: Uint8Array;
  readonly kind: number;
  readonly reason: number;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly violationsTruncated: boolean;
  readonly index: number;
  readonly resultId: string;
  /** What a result says; null: it is none, or this cannot be told of it. */
  readonly status: number | null;
  readonly testId: Uint8Array | null;
  readonly attempt: number | null;
  readonly bytes: Uint8Array;
}

/** Where refused items came from, and what their statement adds to the ledger. */
export interface RefusalSource {
  readonly projectKey: string;
  readonly runId: string;
  /** Null where the run does not exist. */
  readonly runKey: string | null;
  readonly partId: Uint8Array | null;
  /** A Part in protobuf bytes. */
  readonly part: Uint8Array;
  /** Event client or token. */
  readonly client: string;
  readonly tokenId: string;
  /** 63 random bits in decimal, drawn before the first attempt. */
  readonly batchKey: string;
  /** Results of the batch that were conflicts, and that were refused for other reasons. */
  readonly conflictCount: number;
  readonly rejectedCount: number;
}

/**
 * Keeps refused items and counts them in the ledger, in one statement. A known item grows its repeat count
 * (once per batch key). Throws DbError `check` with constraint `rejection_quota` when the project's bound
 * would be exceeded; then nothing is kept. False: the run is deleted or expired, and nothing is kept either.
 */
export async function keepRefusals(
  db: Queryable,
  source: RefusalSource,
  rows: readonly RefusalRow[],
  defaultMaxBytes: number,
  deadlineAt: number,
): Promise<boolean> {
  const [row] = await db.query<{ live: boolean }>(
    KEEP,
    [
      source.projectKey,
      source.runId,
      source.runKey,
      source.partId,
      source.part,
      source.client,
      source.tokenId,
      source.batchKey,
      source.conflictCount,
      source.rejectedCount,
      defaultMaxBytes,
      byteaArray(rows.map((r) => r.rejectionId)),
      plainArray(rows.map((r) => r.kind)),
      plainArray(rows.map((r) => r.reason)),
      textArray(rows.map((r) => JSON.stringify(r.violations))),
      plainArray(rows.map((r) => r.violationsTruncated)),
      plainArray(rows.map((r) => r.index)),
      textArray(rows.map((r) => r.resultId)),
      plainArray(rows.map((r) => r.status)),
      byteaArray(rows.map((r) => r.testId)),
      plainArray(rows.map((r) => r.attempt)),
      byteaArray(rows.map((r) => r.bytes)),
    ],
    { deadlineAt },
  );
  return row?.live ?? false;
}

// In order of rejection_id, so that two statements lock in one order; then the row of the usage.
// A result that is refused after its run finished may complete the run, or fail it: it is unsettled.
const KEEP = `
WITH door AS MATERIALIZED (
  SELECT
    CASE
      WHEN $3::bigint IS NULL
      THEN ${PROJECT_LIVES}
      ELSE EXISTS (SELECT FROM runs WHERE project_key = $1 AND run_key = $3::bigint AND ${RUN_LIVES})
    END AS live
),
refused AS (
  SELECT
    s.rejection_id, s.kind, s.reason, s.violations::jsonb AS violations, s.violations_truncated,
    $2::text AS run_id, $3::bigint AS run_key, $4::bytea AS part_id, $5::bytea AS part, s.item_index,
    s.result_id, s.status, s.test_id, s.attempt, s.bytes, $6::text AS client, $8::bigint AS batch_key,
    1 AS repeats, '' AS idempotency_key
  FROM door
  CROSS JOIN unnest(
    $12::bytea[], $13::smallint[], $14::smallint[], $15::text[], $16::boolean[], $17::bigint[],
    $18::text[], $19::smallint[], $20::bytea[], $21::int[], $22::bytea[]
  ) AS s(
    rejection_id, kind, reason, violations, violations_truncated, item_index, result_id, status, test_id, attempt,
    bytes
  )
  WHERE door.live
),
${keptRefusals("$11", { ofResults: true })},
ledger AS (
  INSERT INTO batches (
    project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count,
    foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
    skipped_count, precluded_count, duration_us
  )
  SELECT $1, $3::bigint, $8::bigint, $4::bytea, $7::text, false, 0, 0, 0, $9::int, $10::int, 0, 0, 0, 0, 0, 0
  FROM door
  WHERE door.live AND $3::bigint IS NOT NULL AND $9::int + $10::int > 0
  ON CONFLICT DO NOTHING
  RETURNING run_key, batch_key
),
queue AS (
  INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
  SELECT $1, run_key, batch_key, '{}', '{}', '{}'
  FROM ledger
),
unsettled AS (
  UPDATE runs
  SET state_version = state_version + 1, unsettled_at = now()
  WHERE project_key = $1 AND run_key = $3::bigint AND state <> 1
    AND EXISTS (SELECT FROM kept WHERE is_new)
)
SELECT live FROM door`;
