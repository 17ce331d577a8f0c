/** The runs that a run is compared with: for each of its jobs, the last ones of the branch that had it. */
import { textArray } from "./array-literal.js";
import type { Queryable } from "./queryable.js";

/** FINISHED runs of the branch that are looked through for those with a job. */
const RUNS_EXAMINED = 500;
/** Runs with the job that a run is compared with, and how many of them must have had a test. */
export const BASE_RUNS = 5;
export const ENOUGH_RUNS = 3;

/** A run that had the job before; newness counts from 0. */
export interface BaseRun {
  readonly job: string;
  readonly runKey: string;
  readonly runDay: string;
  readonly newness: number;
}

/**
 * For each job the last 5 FINISHED runs before a run, of its branch and with the job; those of jobs with fewer than
 * 3 are left out. "Before" is by the time they count at, then run_id. Serves from runs_by_branch and the key of parts.
 */
export async function readBaseRuns(
  db: Queryable,
  projectKey: string,
  runKey: string,
  jobs: readonly string[],
  deadlineAt: number,
): Promise<BaseRun[]> {
  const params = [projectKey, runKey, textArray(jobs)];
  const rows = await db.query<BaseColumns>(BASES, params, { deadlineAt });
  return rows.map((row) => ({
    job: row.job,
    runKey: row.run_key,
    runDay: row.run_day,
    newness: row.newness,
  }));
}

interface BaseColumns {
  job: string;
  run_key: string;
  run_day: string;
  newness: number;
}

// The last runs are looked through only as far as the job needs.
const BASES = `
WITH run AS MATERIALIZED (
  SELECT branch, counted_at, run_id FROM runs WHERE project_key = $1 AND run_key = $2
),
bases AS (
  SELECT j.job, b.*, count(*) OVER (PARTITION BY j.job) AS base_count
  FROM unnest($3::text[]) AS j(job)
  CROSS JOIN LATERAL (
    SELECT run_key, run_day::text, (row_number() OVER (ORDER BY counted_at DESC, run_id DESC) - 1)::int AS newness
    FROM (
      SELECT run_key, run_day, counted_at, run_id
      FROM (
        SELECT run_key, run_day, counted_at, run_id, expired_at
        FROM runs
        WHERE project_key = $1 AND branch = (SELECT branch FROM run) AND state = 2 AND deleted_at IS NULL
          AND (counted_at, run_id) < (SELECT counted_at, run_id FROM run)
        ORDER BY counted_at DESC, run_id DESC
        LIMIT ${RUNS_EXAMINED}
      ) AS recent
      WHERE expired_at IS NULL AND EXISTS (
        SELECT FROM run_parts p WHERE p.project_key = $1 AND p.run_key = recent.run_key AND p.job = j.job
      )
      ORDER BY counted_at DESC, run_id DESC
      LIMIT ${BASE_RUNS}
    ) AS with_job
  ) b
)
SELECT job, run_key, run_day, newness
FROM bases
WHERE base_count >= ${ENOUGH_RUNS}
ORDER BY job, newness`;
