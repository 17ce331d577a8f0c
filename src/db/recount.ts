/**
 * What figures are recounted from, and the figures beside it, in the same order. Queries without parameters, for the
 * cursors of a snapshot; they read whole tables of a project, and sort them.
 */
import { microsOf } from "./micros.js";
import type { Snapshot } from "./snapshot.js";

/** A project whose figures are recounted. */
export interface RecountedProject {
  readonly projectKey: string;
  readonly projectId: string;
}

/** The living projects, or one of them. */
export function recountedProjects(
  snapshot: Snapshot,
  projectId: string | null,
): AsyncGenerator<RecountedProject> {
  const one = projectId === null ? "" : `AND p.project_id = '${projectId.replaceAll("'", "''")}'`;
  return snapshot.rows(`
    SELECT p.project_key AS "projectKey", p.project_id AS "projectId"
    FROM projects p
    JOIN organizations o ON o.organization_key = p.organization_key
    WHERE p.deleted_at IS NULL AND o.deleted_at IS NULL ${one}
    ORDER BY p.project_key`);
}

/** A result with what it counts by. Numbers that may be large are in decimal. */
export interface CountedResult {
  readonly test_key: string;
  readonly run_key: string;
  readonly part_id: string | null;
  readonly job: string | null;
  readonly status: number;
  readonly duration_us: string | null;
  /** When and for which branch it is folded; null: nothing of its run is. */
  readonly counted_us: string | null;
  readonly branch: string | null;
  readonly commit_sha: string;
  readonly tree_sha: string;
  readonly dirty: boolean;
  /** Not folded yet. */
  readonly waits: boolean;
  /** Of a run that was deleted. */
  readonly leaves: boolean;
  /** Its run has got other facts, which what is folded has yet to follow. */
  readonly moves: boolean;
}

/** Results in the order of these columns of CountedResult. */
export function countedResults(
  snapshot: Snapshot,
  projectKey: string,
  order: string,
): AsyncGenerator<CountedResult> {
  return snapshot.rows(`
    WITH changed AS MATERIALIZED (
      SELECT DISTINCT run_key FROM fold_queue WHERE project_key = ${projectKey} AND weight = 0
    ),
    counted AS (
      SELECT
        r.test_key, r.run_key, b.part_id, p.job, r.result_id, r.status, r.duration_us,
        q.batch_key IS NOT NULL AS waits
      FROM results r
      LEFT JOIN batches b
        ON b.project_key = r.project_key AND b.run_key = r.run_key AND b.batch_key = r.batch_key
      LEFT JOIN run_parts p
        ON p.project_key = b.project_key AND p.run_key = b.run_key AND p.part_id = b.part_id
      LEFT JOIN fold_queue q
        ON q.project_key = r.project_key AND q.run_key = r.run_key AND q.batch_key = r.batch_key
          AND q.weight = 1
      WHERE r.project_key = ${projectKey}
      -- Removed already, but not from the figures.
      UNION ALL
      SELECT e.test_key, q.run_key, NULL, NULL, '', e.status, e.duration_us, false
      FROM fold_queue q
      CROSS JOIN unnest(q.test_keys, q.statuses, q.durations) AS e(test_key, status, duration_us)
      WHERE q.project_key = ${projectKey} AND q.weight = -1
    )
    SELECT
      c.test_key, c.run_key, encode(c.part_id, 'hex') AS part_id, c.job, c.status, c.duration_us,
      ${microsOf("s.counted_at")} AS counted_us, s.branch, u.commit_sha, u.tree_sha, u.dirty, c.waits,
      u.deleted_at IS NOT NULL AS leaves, u.run_key IN (SELECT run_key FROM changed) AS moves
    FROM counted c
    JOIN runs u ON u.project_key = ${projectKey} AND u.run_key = c.run_key
    LEFT JOIN folded_runs f ON f.project_key = ${projectKey} AND f.run_key = c.run_key
    CROSS JOIN LATERAL (
      SELECT
        f.next_counted_at IS NOT NULL
          AND (c.test_key, c.result_id) <= (f.moved_test_key, f.moved_result_id) AS has_moved
    ) m
    CROSS JOIN LATERAL (
      SELECT
        CASE WHEN m.has_moved THEN f.next_counted_at ELSE f.counted_at END AS counted_at,
        CASE WHEN m.has_moved THEN f.next_branch ELSE f.branch END AS branch
    ) s
    ORDER BY ${order}`);
}

/** Rows of a folded table of a project, in the order of these columns. */
export function foldedRows<Row extends object>(
  snapshot: Snapshot,
  projectKey: string,
  table: string,
  columns: string,
  order: string,
  condition = "true",
): AsyncGenerator<Row> {
  return snapshot.rows(
    `SELECT ${columns} FROM ${table} WHERE project_key = ${projectKey} AND ${condition} ORDER BY ${order}`,
  );
}

/** Runs whose results retention has taken; when they counted. */
export function expiredRuns(
  snapshot: Snapshot,
  projectKey: string,
): AsyncGenerator<{ readonly run_key: string; readonly counted_us: string }> {
  return snapshot.rows(`
    SELECT f.run_key, ${microsOf("f.counted_at")} AS counted_us
    FROM runs r
    JOIN folded_runs f ON f.project_key = r.project_key AND f.run_key = r.run_key
    WHERE r.project_key = ${projectKey} AND r.expired_at IS NOT NULL`);
}

/** A figure that is stored, beside its recount. */
export interface FigurePair {
  readonly key: string;
  readonly stored: string;
  readonly recounted: string;
}
