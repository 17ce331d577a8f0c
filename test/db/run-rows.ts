/** Runs and their results as rows, for tests of what reads them. */
import { plainArray, textArray } from "../../src/db/array-literal.js";
import type { Queryable } from "../../src/db/queryable.js";

export interface RunRow {
  readonly runId: string;
  /** ISO time: the run counts at it, and its results lie in the partition of its day. */
  readonly startedAt: string;
  readonly projectKey?: number;
  readonly branch?: string;
  readonly deleted?: boolean;
  readonly results?: readonly ResultRow[];
}

export interface ResultRow {
  readonly testKey: number;
  readonly resultId?: string;
  readonly status?: number;
  readonly message?: string | null;
}

/** Stores runs with one part and one batch each; their keys, in order. */
export async function storeRuns(db: Queryable, runs: readonly RunRow[]): Promise<string[]> {
  const months = new Set(runs.map(({ startedAt }) => `${startedAt.slice(0, 7)}-01`));
  for (const month of months) await db.query(`SELECT ensure_results_partition('${month}')`);
  const rows = await db.query<{ run_key: string }>(STORE_RUNS, [
    plainArray(runs.map(({ projectKey = 1 }) => projectKey)),
    textArray(runs.map(({ runId }) => runId)),
    textArray(runs.map(({ startedAt }) => startedAt)),
    textArray(runs.map(({ branch = "main" }) => branch)),
    plainArray(runs.map(({ deleted = false }) => deleted)),
  ]);
  const keys = rows.map((row) => row.run_key);
  const results = runs.flatMap(({ results = [] }, run) => results.map((r) => ({ ...r, run })));
  await db.query(STORE_RESULTS, [
    plainArray(results.map(({ run }) => keys[run] ?? "")),
    plainArray(results.map(({ testKey }) => testKey)),
    textArray(results.map(({ resultId = "only" }) => resultId)),
    plainArray(results.map(({ status = 1 }) => status)),
    textArray(results.map(({ message = null }) => message)),
  ]);
  return keys;
}

/** Tests of a project, by their keys. */
export async function storeTests(
  db: Queryable,
  names: readonly string[],
  projectKey = 1,
): Promise<number[]> {
  const rows = await db.query<{ test_key: string }>(
    `INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
    SELECT $1::bigint, decode(md5(name), 'hex'), 'suite', 'file', name, '', '{}'
    FROM unnest($2::text[]) WITH ORDINALITY AS t(name, ord)
    ORDER BY ord
    RETURNING test_key`,
    [projectKey, textArray(names)],
  );
  return rows.map((row) => Number(row.test_key));
}

const PART_ID = `decode(repeat('00', 16), 'hex')`;

const STORE_RUNS = `
WITH sent AS (
  SELECT *
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::boolean[])
    WITH ORDINALITY AS r(project_key, run_id, started_at, branch, deleted, ord)
),
stored AS (
  INSERT INTO runs (
    project_key, run_id, run_day, created_at, open_key, branch, started_at, start_given, deleted_at
  )
  SELECT
    project_key, run_id, started_at::date, started_at::timestamptz, ord, branch, started_at::timestamptz, true,
    CASE WHEN deleted THEN now() END
  FROM sent
  ORDER BY ord
  RETURNING project_key, run_key, run_id
),
parts AS (
  INSERT INTO run_parts (
    project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
  )
  SELECT project_key, run_key, ${PART_ID}, 'unit', 1, 0, 0, 'test', false FROM stored
)
SELECT run_key FROM stored JOIN sent USING (project_key, run_id) ORDER BY ord`;

const STORE_RESULTS = `
WITH stored AS (
  INSERT INTO results (
    project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id, failure_message
  )
  SELECT r.project_key, s.run_key, test_key, s.run_key, run_day, s.status, 1, result_id, message
  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::smallint[], $5::text[])
    AS s(run_key, test_key, result_id, status, message)
  JOIN runs r USING (run_key)
  RETURNING project_key, run_key, batch_key, status
)
INSERT INTO batches (
  project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count, foreign_count,
  conflict_count, rejected_count, passed_count, failed_count, errored_count, skipped_count, precluded_count,
  duration_us
)
SELECT
  project_key, run_key, batch_key, ${PART_ID}, 't', false, count(*), 0, 0, 0, 0,
  count(*) FILTER (WHERE status = 1), count(*) FILTER (WHERE status = 2), count(*) FILTER (WHERE status = 3),
  count(*) FILTER (WHERE status = 4), count(*) FILTER (WHERE status = 5), 0
FROM stored
GROUP BY project_key, run_key, batch_key`;
