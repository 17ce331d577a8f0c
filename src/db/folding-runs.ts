/** Runs whose results are folded: their facts now, and those by which they are folded. */
import { plainArray } from "./array-literal.js";
import type { CodeFacts, CountedFacts, RunMove } from "./fold-rows.js";
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** A run as its results are folded. */
export interface FoldingRun extends CodeFacts, CountedFacts {
  readonly runKey: string;
  readonly runDay: string;
  readonly deleted: boolean;
  readonly expired: boolean;
  /** Its results leave, or have left: what is folded of it moves no more. */
  readonly sealed: boolean;
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

/**
 * Runs whose facts have changed, with the rows that say so. While one is being moved, that one alone: until all of it has
 * moved, part of it stands by other facts than are read of it.
 */
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

interface RunColumns {
  run_key: string;
  run_day: string;
  deleted: boolean;
  expired: boolean;
  sealed: boolean;
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
    sealed: row.sealed,
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

const RUNS = `
SELECT
  r.run_key, r.run_day::text, r.deleted_at IS NOT NULL AS deleted, r.expired_at IS NOT NULL AS expired,
  r.expire_step > 0 AS sealed,
  ${microsOf("r.counted_at")} AS counted_us, r.branch, r.commit_sha, r.tree_sha, r.dirty,
  ${microsOf("f.counted_at")} AS folded_us, f.branch AS folded_branch, f.commit_sha AS folded_commit_sha,
  f.tree_sha AS folded_tree_sha, f.dirty AS folded_dirty,
  ${microsOf("f.next_counted_at")} AS next_us, f.next_branch, f.moved_test_key, f.moved_result_id
FROM runs r
LEFT JOIN folded_runs f ON f.project_key = r.project_key AND f.run_key = r.run_key
WHERE r.project_key = $1 AND r.run_key = ANY ($2::bigint[])`;

// By fold_queue_changed_runs and folded_runs_moving. OFFSET 0 keeps the look-up by key.
const CHANGED = `
WITH moving AS MATERIALIZED (
  SELECT ARRAY(
    SELECT run_key
    FROM folded_runs AS f
    WHERE project_key = $1 AND next_counted_at IS NOT NULL AND EXISTS (
      SELECT FROM fold_queue WHERE project_key = $1 AND run_key = f.run_key AND weight = 0 OFFSET 0
    )
  ) AS run_keys
)
SELECT run_key, batch_key
FROM fold_queue
CROSS JOIN moving
WHERE project_key = $1 AND weight = 0 AND (run_keys = '{}' OR run_key = ANY (run_keys))
ORDER BY run_key
LIMIT $2::int`;

const COUNTED = `
SELECT run_key, ${microsOf("counted_at")} AS counted_us
FROM folded_runs
WHERE project_key = $1 AND run_key = ANY ($2::bigint[])`;
