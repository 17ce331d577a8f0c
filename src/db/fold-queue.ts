/** What waits to be folded: rows of the queue, with the ledger, the parts and the runs that they belong to. */
import { plainArray } from "./array-literal.js";
import type { CodeFacts, CountedFacts, RunMove, StatusCounts } from "./fold-rows.js";
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

/** Of a project's folded figures. */
export interface FoldVersion {
  readonly version: string;
  /** The UTC day by the database's clock, counted from 1970-01-01. */
  readonly today: number;
}

/** The version of a project's folded figures; null if the project is gone. */
export async function readFoldVersion(
  db: Queryable,
  projectKey: string,
): Promise<FoldVersion | null> {
  const [row] = await db.query<FoldVersion>(VERSION, [projectKey]);
  if (row !== undefined) return row;
  await db.query(FIRST_VERSION, [projectKey]);
  const [first] = await db.query<FoldVersion>(VERSION, [projectKey]);
  return first ?? null;
}

/** The version of a project's folded figures, which each step of folding raises; null before the first one. */
export async function readFoldedVersion(
  db: Queryable,
  projectKey: string,
  deadlineAt: number,
): Promise<string | null> {
  const [row] = await db.query<FoldVersion>(VERSION, [projectKey], { deadlineAt });
  return row?.version ?? null;
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

/** The UTC day by the database's clock, counted from 1970-01-01. */
export async function readToday(db: Queryable): Promise<number> {
  const [row] = await db.query<{ today: number }>(`SELECT ${TODAY} AS today`);
  if (row === undefined) throw new Error("the statement answers one row");
  return row.today;
}

/** A run as its results are folded. */
export interface FoldingRun extends CodeFacts, CountedFacts {
  readonly runKey: string;
  readonly runDay: string;
  readonly deleted: boolean;
  readonly expired: boolean;
  /** Everything of it was removed. */
  readonly purged: boolean;
  /** By what its folded results stand in the figures; null while none is folded. */
  readonly folded: (CodeFacts & CountedFacts & { readonly move: RunMove | null }) | null;
}

/** The runs, tombstones too. */
export async function readFoldingRuns(
  db: Queryable,
  projectKey: string,
  runKeys: readonly string[],
): Promise<FoldingRun[]> {
  const rows = await db.query<RunColumns>(RUNS, [projectKey, plainArray(runKeys)]);
  return rows.map(toRun);
}

/** Runs whose facts have changed, with the rows that say so. */
export async function listChangedRuns(
  db: Queryable,
  projectKey: string,
  limit: number,
): Promise<{ readonly runKey: string; readonly batchKey: string }[]> {
  const rows = await db.query<{ run_key: string; batch_key: string }>(CHANGED, [projectKey, limit]);
  return rows.map((row) => ({ runKey: row.run_key, batchKey: row.batch_key }));
}

/** When folded runs count; those that are not known are left out. */
export async function readCountedTimes(
  db: Queryable,
  projectKey: string,
  runKeys: readonly string[],
): Promise<Map<string, number>> {
  const rows = await db.query<{ run_key: string; counted_us: string }>(COUNTED, [
    projectKey,
    plainArray(runKeys),
  ]);
  return new Map(rows.map((row) => [row.run_key, Number(row.counted_us)]));
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

interface RunColumns {
  run_key: string;
  run_day: string;
  deleted: boolean;
  expired: boolean;
  purged: boolean;
  counted_us: string;
  branch: string;
  commit_sha: string;
  tree_sha: string;
  dirty: boolean;
  folded_us: string | null;
  folded_branch: string;
  folded_commit_sha: string;
  folded_tree_sha: string;
  folded_dirty: boolean;
  next_us: string | null;
  next_branch: string;
  moved_test_key: string;
  moved_result_id: string;
}

function toRun(row: RunColumns): FoldingRun {
  return {
    runKey: row.run_key,
    runDay: row.run_day,
    deleted: row.deleted,
    expired: row.expired,
    purged: row.purged,
    countedUs: Number(row.counted_us),
    branch: row.branch,
    commitSha: row.commit_sha,
    treeSha: row.tree_sha,
    dirty: row.dirty,
    folded:
      row.folded_us === null
        ? null
        : {
            countedUs: Number(row.folded_us),
            branch: row.folded_branch,
            commitSha: row.folded_commit_sha,
            treeSha: row.folded_tree_sha,
            dirty: row.folded_dirty,
            move:
              row.next_us === null
                ? null
                : {
                    countedUs: Number(row.next_us),
                    branch: row.next_branch,
                    testKey: Number(row.moved_test_key),
                    resultId: row.moved_result_id,
                  },
          },
  };
}

const TODAY = "(now() AT TIME ZONE 'UTC')::date - DATE '1970-01-01'";

const VERSION = `
SELECT version, ${TODAY} AS today
FROM fold_states
WHERE project_key = $1`;

// A deleted project gets none, so that nothing is folded of it once it is purged.
const FIRST_VERSION = `
INSERT INTO fold_states (project_key)
SELECT p.project_key
FROM projects p
JOIN organizations o ON o.organization_key = p.organization_key
WHERE p.project_key = $1 AND p.deleted_at IS NULL AND o.deleted_at IS NULL
ON CONFLICT DO NOTHING`;

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

const RUNS = `
SELECT
  r.run_key, r.run_day::text, r.deleted_at IS NOT NULL AS deleted, r.expired_at IS NOT NULL AS expired,
  r.purged_at IS NOT NULL AS purged,
  ${microsOf("r.counted_at")} AS counted_us, r.branch, r.commit_sha, r.tree_sha, r.dirty,
  ${microsOf("f.counted_at")} AS folded_us, f.branch AS folded_branch, f.commit_sha AS folded_commit_sha,
  f.tree_sha AS folded_tree_sha, f.dirty AS folded_dirty,
  ${microsOf("f.next_counted_at")} AS next_us, f.next_branch, f.moved_test_key, f.moved_result_id
FROM runs r
LEFT JOIN folded_runs f ON f.project_key = r.project_key AND f.run_key = r.run_key
WHERE r.project_key = $1 AND r.run_key = ANY ($2::bigint[])`;

// All of the queue, which is short unless nobody folds it; long arrays are stored elsewhere.
const DEPTH = `
SELECT count(*)::int AS depth, ${microsOf("min(queued_at)")} AS oldest_us
FROM fold_queue`;

const CHANGED = `
SELECT run_key, batch_key
FROM fold_queue
WHERE project_key = $1 AND weight = 0
ORDER BY run_key
LIMIT $2::int`;

const COUNTED = `
SELECT run_key, ${microsOf("counted_at")} AS counted_us
FROM folded_runs
WHERE project_key = $1 AND run_key = ANY ($2::bigint[])`;
