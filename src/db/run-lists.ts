/** Finds runs: by their id, and as pages. */
import { timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** The key of a living run; null if there is none. */
export async function findRun(
  db: Queryable,
  projectKey: string,
  runId: string,
  deadlineAt: number,
): Promise<string | null> {
  const [row] = await db.query<{ run_key: string }>(FIND, [projectKey, runId], { deadlineAt });
  return row?.run_key ?? null;
}

/** Position in the list of runs. */
export interface RunListKey {
  readonly createUs: number;
  readonly runId: string;
}

/**
 * Keys of living runs, newest first (creation, then run_id), after a key. Serves from runs_by_state,
 * runs_by_branch or runs_by_time.
 */
export async function listRunKeys(
  db: Queryable,
  projectKey: string,
  filter: { readonly branch: string; readonly state: number },
  after: RunListKey | null,
  limit: number,
  deadlineAt: number,
): Promise<string[]> {
  const rows = await db.query<{ run_key: string }>(
    LIST,
    [projectKey, filter.branch, filter.state, after?.createUs ?? null, after?.runId ?? "", limit],
    { deadlineAt },
  );
  return rows.map((row) => row.run_key);
}

const FIND = `
SELECT run_key
FROM runs
WHERE project_key = $1 AND run_id = $2 AND deleted_at IS NULL
  AND EXISTS (SELECT FROM projects WHERE project_key = $1 AND deleted_at IS NULL)`;

const LIST = `
SELECT run_key
FROM runs
WHERE project_key = $1 AND deleted_at IS NULL
  AND ($2::text = '' OR branch = $2)
  AND ($3::smallint = 0 OR state = $3)
  AND ($4::bigint IS NULL OR (created_at, run_id) < (${timeOf("$4")}, $5::text))
ORDER BY created_at DESC, run_id DESC
LIMIT $6::int`;
