/** What was refused, kept: written by ingestion, listed and closed by people. Originals never change. */
import { byteaArray, plainArray, textArray } from "./array-literal.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** As `rejections.kind` stores them; the numbers of the contract's enum. */
export const REJECTION_KINDS = { result: 1, run: 2, event: 3, finish: 4 } as const;
/** As `rejections.reason` stores them; the numbers of the contract's enum. */
export const REJECTION_REASONS = {
  invalid: 1,
  conflict: 2,
  unstorable: 3,
  tooManyTests: 4,
  processingFailed: 5,
} as const;
/** As `rejections.state` stores them; the numbers of the contract's enum. */
export const REJECTION_STATES = { open: 1, resolved: 2, dismissed: 3 } as const;

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
 * would be exceeded; then nothing is kept.
 */
export async function keepRefusals(
  db: Queryable,
  source: RefusalSource,
  rows: readonly RefusalRow[],
  defaultMaxBytes: number,
  deadlineAt: number,
): Promise<void> {
  await db.query(
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
      byteaArray(rows.map((r) => r.bytes)),
    ],
    { deadlineAt },
  );
}

export interface RejectionFilter {
  /** 0 means any, in all three. */
  readonly kind: number;
  readonly reason: number;
  readonly state: number;
  /** '' means any. */
  readonly client: string;
  readonly runId: string;
  /** Microseconds since the epoch, `[start, end)`. */
  readonly startUs: number | null;
  readonly endUs: number | null;
}

/** Position in the order of a list: creation time, then id. */
export interface RejectionKey {
  readonly createUs: number;
  /** Lower-case hex. */
  readonly rejectionId: string;
}

export interface StoredRejection extends RejectionKey {
  readonly kind: number;
  readonly reason: number;
  readonly state: number;
  readonly violations: readonly { readonly field: string; readonly description: string }[];
  readonly violationsTruncated: boolean;
  readonly runId: string;
  readonly part: Uint8Array;
  readonly index: number;
  readonly resultId: string;
  /** Null some time after it was closed. */
  readonly bytes: Uint8Array | null;
  readonly client: string;
  readonly repeatCount: number;
  readonly lastUs: number;
  readonly closeUs: number | null;
  readonly closedBy: string;
  readonly note: string;
}

/**
 * Rejections that match, newest first (or oldest first), after a key; up to `limit`, and no more once their
 * bytes pass `maxBytes`. Serves from rejections_by_time or rejections_by_state.
 */
export async function listRejections(
  db: Queryable,
  projectKey: string,
  filter: RejectionFilter,
  page: {
    readonly after: RejectionKey | null;
    readonly limit: number;
    readonly maxBytes: number;
    readonly oldestFirst?: boolean;
  },
  deadlineAt: number,
): Promise<StoredRejection[]> {
  const rows = await db.query<RejectionColumns>(
    page.oldestFirst ? LIST_OLDEST : LIST_NEWEST,
    [
      projectKey,
      filter.kind,
      filter.reason,
      filter.state,
      filter.client,
      filter.runId,
      filter.startUs,
      filter.endUs,
      page.after?.createUs ?? null,
      page.after?.rejectionId ?? "",
      page.limit,
      page.maxBytes,
    ],
    { deadlineAt },
  );
  return rows.map(toStoredRejection);
}

/** Rejections by id, in no order; unknown ids are left out. */
export async function readRejections(
  db: Queryable,
  projectKey: string,
  ids: readonly string[],
  deadlineAt: number,
): Promise<StoredRejection[]> {
  const rows = await db.query<RejectionColumns>(
    READ,
    [projectKey, byteaArray(ids.map((id) => Buffer.from(id, "hex")))],
    { deadlineAt },
  );
  return rows.map(toStoredRejection);
}

/** Closes those that are open, once and only once; answers which. Their bytes leave the project's bound. */
export async function closeRejections(
  db: Queryable,
  projectKey: string,
  ids: readonly string[],
  closing: { readonly state: number; readonly closedBy: string; readonly note: string },
  deadlineAt: number,
): Promise<{ rejectionId: string; runKey: string | null }[]> {
  const rows = await db.query<{ id: string; run_key: string | null }>(
    CLOSE,
    [
      projectKey,
      byteaArray(ids.map((id) => Buffer.from(id, "hex"))),
      closing.state,
      closing.closedBy,
      closing.note,
    ],
    { deadlineAt },
  );
  return rows.map((row) => ({ rejectionId: row.id, runKey: row.run_key }));
}

/** Drops the bytes of a bounded number of rejections of a project that were closed long ago; how many. */
export async function dropClosedBytes(
  db: Queryable,
  projectKey: string,
  closedBeforeUs: number,
  limit: number,
): Promise<number> {
  const rows = await db.query(DROP_BYTES, [projectKey, closedBeforeUs, limit]);
  return rows.length;
}

interface RejectionColumns {
  id: string;
  kind: number;
  reason: number;
  state: number;
  violations: { field: string; description: string }[];
  violations_truncated: boolean;
  run_id: string;
  part: Uint8Array;
  item_index: string;
  result_id: string;
  bytes: Uint8Array | null;
  client: string;
  repeat_count: string;
  create_us: string;
  last_us: string;
  close_us: string | null;
  closed_by: string;
  note: string;
}

function toStoredRejection(row: RejectionColumns): StoredRejection {
  return {
    rejectionId: row.id,
    kind: row.kind,
    reason: row.reason,
    state: row.state,
    violations: row.violations,
    violationsTruncated: row.violations_truncated,
    runId: row.run_id,
    part: row.part,
    index: Number(row.item_index),
    resultId: row.result_id,
    bytes: row.bytes,
    client: row.client,
    repeatCount: Number(row.repeat_count),
    createUs: Number(row.create_us),
    lastUs: Number(row.last_us),
    closeUs: readMicros(row.close_us),
    closedBy: row.closed_by,
    note: row.note,
  };
}

// In order of rejection_id, so that two statements lock in one order; then the row of the usage.
// A result that is refused again after its run finished may complete the run: it is unsettled.
const KEEP = `
WITH sent AS (
  SELECT *
  FROM unnest(
    $12::bytea[], $13::smallint[], $14::smallint[], $15::text[], $16::boolean[], $17::bigint[],
    $18::text[], $19::bytea[]
  ) AS s(
    rejection_id, kind, reason, violations, violations_truncated, item_index, result_id, bytes
  )
),
kept AS (
  INSERT INTO rejections AS r (
    project_key, rejection_id, kind, reason, violations, violations_truncated, run_id, run_key, part_id,
    part, item_index, result_id, bytes, client, batch_key
  )
  SELECT
    $1, rejection_id, kind, reason, violations::jsonb, violations_truncated, $2::text, $3::bigint,
    $4::bytea, $5::bytea, item_index, result_id, bytes, $6::text, $8::bigint
  FROM sent
  ORDER BY rejection_id
  ON CONFLICT (project_key, rejection_id) DO UPDATE SET
    repeat_count = r.repeat_count + CASE WHEN r.batch_key = EXCLUDED.batch_key THEN 0 ELSE 1 END,
    batch_key = EXCLUDED.batch_key,
    last_at = now(),
    bytes = COALESCE(r.bytes, EXCLUDED.bytes),
    run_key = COALESCE(r.run_key, EXCLUDED.run_key)
  RETURNING xmax = 0 AS is_new, octet_length(r.bytes) AS size
),
used AS (
  INSERT INTO rejection_usage AS u (project_key, kept_bytes, max_bytes)
  SELECT $1, sum(k.size), COALESCE(NULLIF(p.kept_refusal_bytes, 0), $11::bigint)
  FROM kept k
  JOIN projects p ON p.project_key = $1
  WHERE k.is_new
  GROUP BY p.kept_refusal_bytes
  ON CONFLICT (project_key) DO UPDATE SET
    kept_bytes = u.kept_bytes + EXCLUDED.kept_bytes,
    max_bytes = EXCLUDED.max_bytes
),
ledger AS (
  INSERT INTO batches (
    project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count,
    foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
    skipped_count, precluded_count, duration_us
  )
  SELECT $1, $3::bigint, $8::bigint, $4::bytea, $7::text, false, 0, 0, 0, $9::int, $10::int, 0, 0, 0, 0, 0, 0
  WHERE $3::bigint IS NOT NULL AND $9::int + $10::int > 0
  ON CONFLICT DO NOTHING
)
UPDATE runs
SET state_version = state_version + 1, unsettled_at = now()
WHERE project_key = $1 AND run_key = $3::bigint AND state <> 1 AND EXISTS (SELECT FROM kept WHERE is_new)`;

const COLUMNS = `
  encode(rejection_id, 'hex') AS id, kind, reason, state, violations, violations_truncated, run_id, part,
  item_index, result_id, bytes, client, repeat_count, ${microsOf("created_at")} AS create_us,
  ${microsOf("last_at")} AS last_us, ${microsOf("closed_at")} AS close_us, closed_by, note`;

// The running sum stops behind the row that passes the bound: a page has one row at least.
const list = (direction: "ASC" | "DESC", after: "<" | ">") => `
SELECT ${COLUMNS}
FROM (
  SELECT *, sum(octet_length(bytes)) OVER (
    ORDER BY created_at ${direction}, rejection_id ${direction} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS bytes_before
  FROM (
    SELECT *
    FROM rejections
    WHERE project_key = $1
      AND ($2::smallint = 0 OR kind = $2)
      AND ($3::smallint = 0 OR reason = $3)
      AND ($4::smallint = 0 OR state = $4)
      AND ($5::text = '' OR client = $5)
      AND ($6::text = '' OR run_id = $6)
      AND ($7::bigint IS NULL OR created_at >= ${timeOf("$7")})
      AND ($8::bigint IS NULL OR created_at < ${timeOf("$8")})
      AND ($9::bigint IS NULL OR (created_at, rejection_id) ${after} (${timeOf("$9")}, decode($10::text, 'hex')))
    ORDER BY created_at ${direction}, rejection_id ${direction}
    LIMIT $11::int
  ) found
) page
WHERE COALESCE(bytes_before, 0) <= $12::bigint
ORDER BY created_at ${direction}, rejection_id ${direction}`;
const LIST_NEWEST = list("DESC", "<");
const LIST_OLDEST = list("ASC", ">");

const READ = `
SELECT ${COLUMNS}
FROM rejections
WHERE project_key = $1 AND rejection_id = ANY ($2::bytea[])`;

// A closed result of a run may change what the run still misses.
const CLOSE = `
WITH closing AS (
  SELECT rejection_id
  FROM rejections
  WHERE project_key = $1 AND rejection_id = ANY ($2::bytea[]) AND state = 1
  ORDER BY rejection_id
  FOR UPDATE
),
closed AS (
  UPDATE rejections r
  SET state = $3::smallint, closed_at = now(), closed_by = $4::text, note = $5::text
  FROM closing c
  WHERE r.project_key = $1 AND r.rejection_id = c.rejection_id
  RETURNING r.rejection_id, r.run_key, octet_length(r.bytes) AS size
),
freed AS (
  UPDATE rejection_usage
  SET kept_bytes = kept_bytes - (SELECT sum(size) FROM closed)
  WHERE project_key = $1 AND EXISTS (SELECT FROM closed)
),
unsettled AS (
  UPDATE runs
  SET state_version = state_version + 1, unsettled_at = now()
  WHERE project_key = $1 AND run_key IN (SELECT run_key FROM closed)
)
SELECT encode(rejection_id, 'hex') AS id, run_key FROM closed`;

const DROP_BYTES = `
UPDATE rejections
SET bytes = NULL
WHERE project_key = $1 AND rejection_id IN (
  SELECT rejection_id
  FROM rejections
  WHERE project_key = $1 AND state <> 1 AND bytes IS NOT NULL AND closed_at < ${timeOf("$2")}
  ORDER BY rejection_id
  LIMIT $3::int
)
RETURNING rejection_id`;
