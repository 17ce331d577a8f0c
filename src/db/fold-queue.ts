/** What waits to be folded: rows of the queue, with the ledger and the parts that they belong to. */
import type { StatusCounts } from "./fold-rows.js";
import { microsOf, readMicros } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** SQL of a key for a row of the queue that no batch has. */
export const DRAWN_KEY = "(random() * 9e18)::bigint";

/** Bounds of a chunk: rows of the queue, and about so many results; one row at least. */
export interface ChunkBounds {
  readonly rows: number;
  readonly results: number;
}

/** A row of the queue. Its results are parallel array literals of test keys, statuses and microseconds. */
export interface QueuedBatch {
  readonly runKey: string;
  readonly batchKey: string;
  readonly weight: 1 | -1;
  readonly testKeys: string;
  readonly statuses: string;
  readonly durations: string;
  /** The row of the ledger; null where there is none. */
  readonly ledger: LedgerRow | null;
}

export interface LedgerRow {
  /** In hexadecimal. */
  readonly partId: string;
  readonly job: string;
  readonly counts: StatusCounts;
  readonly duplicates: number;
  readonly foreign: number;
  readonly conflicts: number;
  readonly rejected: number;
  readonly late: number;
  readonly durationUs: string;
}

/** The first rows of the queue. Rows of runs whose results are being moved wait. */
export async function readFoldChunk(
  db: Queryable,
  projectKey: string,
  bounds: ChunkBounds,
): Promise<QueuedBatch[]> {
  const rows = await db.query<BatchColumns>(CHUNK, [projectKey, bounds.rows, bounds.results]);
  return rows.map(toBatch);
}

/** How many rows wait in the queue, of all projects, and since when the oldest one does. */
export async function readFoldQueueDepth(
  db: Queryable,
  deadlineAt: number,
): Promise<{ readonly depth: number; readonly oldestUs: number | null }> {
  const [row] = await db.query<{ depth: number; oldest_us: string | null }>(DEPTH, [], {
    deadlineAt,
  });
  return { depth: row?.depth ?? 0, oldestUs: readMicros(row?.oldest_us ?? null) };
}

interface BatchColumns {
  run_key: string;
  batch_key: string;
  weight: 1 | -1;
  test_keys: string;
  statuses: string;
  durations: string;
  part_id: string | null;
  job: string | null;
  late: boolean;
  accepted_count: number;
  duplicate_count: number;
  foreign_count: number;
  conflict_count: number;
  rejected_count: number;
  passed_count: number;
  failed_count: number;
  errored_count: number;
  skipped_count: number;
  precluded_count: number;
  duration_us: string;
}

function toBatch(row: BatchColumns): QueuedBatch {
  return {
    runKey: row.run_key,
    batchKey: row.batch_key,
    weight: row.weight,
    testKeys: row.test_keys,
    statuses: row.statuses,
    durations: row.durations,
    ledger: row.part_id === null ? null : toLedgerRow(row, row.part_id),
  };
}

function toLedgerRow(row: BatchColumns, partId: string): LedgerRow {
  return {
    partId,
    job: row.job ?? "",
    counts: [
      row.passed_count,
      row.failed_count,
      row.errored_count,
      row.skipped_count,
      row.precluded_count,
    ],
    duplicates: row.duplicate_count,
    foreign: row.foreign_count,
    conflicts: row.conflict_count,
    rejected: row.rejected_count,
    late: row.late ? row.accepted_count : 0,
    durationUs: row.duration_us,
  };
}

// By the primary key of fold_queue. The size of an array tells how many keys it has without reading it: 8 bytes
// each, and a header of 21 or 24. OFFSET 0 keeps the look-ups by key.
const CHUNK = `
WITH found AS (
  SELECT
    run_key, batch_key, weight, test_keys, statuses, durations,
    (pg_column_size(test_keys) - 21) / 8 AS result_count
  FROM fold_queue
  WHERE project_key = $1 AND weight <> 0 AND run_key <> ALL (ARRAY(
    SELECT run_key FROM folded_runs WHERE project_key = $1 AND next_counted_at IS NOT NULL
  ))
  ORDER BY run_key, batch_key
  LIMIT $2::int
),
counted AS (
  SELECT *, sum(result_count) OVER (
    ORDER BY run_key, batch_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS results_before
  FROM found
)
SELECT
  q.run_key, q.batch_key, q.weight, q.test_keys::text, q.statuses::text, q.durations::text,
  encode(b.part_id, 'hex') AS part_id, p.job, b.late, b.accepted_count, b.duplicate_count, b.foreign_count,
  b.conflict_count, b.rejected_count, b.passed_count, b.failed_count, b.errored_count, b.skipped_count,
  b.precluded_count, b.duration_us
FROM counted q
LEFT JOIN LATERAL (
  SELECT *
  FROM batches
  WHERE project_key = $1 AND run_key = q.run_key AND batch_key = q.batch_key
  OFFSET 0
) b ON true
LEFT JOIN LATERAL (
  SELECT job
  FROM run_parts
  WHERE project_key = $1 AND run_key = q.run_key AND part_id = b.part_id
  OFFSET 0
) p ON true
WHERE COALESCE(q.results_before, 0) < $3::int
ORDER BY q.run_key, q.batch_key`;

// All of the queue, which is short unless nobody folds it; long arrays are stored elsewhere.
const DEPTH = `
SELECT count(*)::int AS depth, ${microsOf("min(queued_at)")} AS oldest_us
FROM fold_queue`;
