/** Failures beside the results that they stand for, and the figures of groups beside the failures. */
import type { FigurePair } from "./recount.js";
import type { Snapshot } from "./snapshot.js";

/** A failing result that is folded beside its row of failures: one of them may be missing. */
export interface FailurePair {
  readonly run_key: string;
  readonly test_key: string;
  readonly result_id: string;
  readonly stored: string | null;
  readonly recounted: string | null;
  readonly fingerprint: string | null;
  readonly failure_message: string | null;
  readonly details: Uint8Array | null;
}

/** Failing results and failures, in the order of their keys. Those of deleted and expired runs are left out. */
export function failurePairs(snapshot: Snapshot, projectKey: string): AsyncGenerator<FailurePair> {
  return snapshot.rows(`
    WITH failing AS (
      SELECT
        r.run_key, r.test_key, r.result_id, r.failure_message, substring(r.details FROM 1 FOR 4096) AS details,
        concat_ws(' ', r.status, r.attempt, length(p.job), p.job) AS facts
      FROM results r
      JOIN batches b ON b.project_key = r.project_key AND b.run_key = r.run_key AND b.batch_key = r.batch_key
      JOIN run_parts p ON p.project_key = b.project_key AND p.run_key = b.run_key AND p.part_id = b.part_id
      WHERE r.project_key = ${projectKey} AND r.status IN (2, 3) AND NOT EXISTS (
        SELECT FROM fold_queue q
        WHERE q.project_key = ${projectKey} AND q.run_key = r.run_key AND q.batch_key = r.batch_key
      )
    ),
    folded AS (
      SELECT
        run_key, test_key, result_id, fingerprint, concat_ws(' ', status, attempt, length(job), job) AS facts
      FROM failures
      WHERE project_key = ${projectKey}
    )
    SELECT
      run_key, test_key, result_id, f.facts AS stored, r.facts AS recounted, f.fingerprint, r.failure_message,
      r.details
    FROM failing r
    FULL JOIN folded f USING (run_key, test_key, result_id)
    JOIN runs u USING (run_key)
    WHERE u.project_key = ${projectKey} AND u.deleted_at IS NULL AND u.expired_at IS NULL
    ORDER BY run_key, test_key, result_id`);
}

/** Figures that follow from the failures by counting them alone. Where retention took failures, more are stored. */
export async function* groupFigures(
  snapshot: Snapshot,
  projectKey: string,
): AsyncGenerator<FigurePair & { readonly figure: string }> {
  for (const [figure, query] of Object.entries(COUNTED_FIGURES)) {
    for await (const pair of snapshot.rows<FigurePair>(query(projectKey)))
      yield { ...pair, figure };
  }
}

const COUNTED_FIGURES: Readonly<Record<string, (projectKey: string) => string>> = {
  "failure_group_days.failure_count": (projectKey) =>
    groupFigure(projectKey, "failure_group_days", {
      key: "day",
      value: "(counted_at AT TIME ZONE 'UTC')::date",
    }),
  "failure_group_runs.failure_count": (projectKey) =>
    groupFigure(projectKey, "failure_group_runs", { key: "run_key", value: "run_key" }),
  "failure_group_tests.failure_count": (projectKey) =>
    groupFigure(projectKey, "failure_group_tests", { key: "test_key", value: "test_key" }),
  "failure_group_runs.counted_at": (projectKey) =>
    groupTime(projectKey, "failure_group_runs", "run_key", "counted_at"),
  "failure_group_tests.last_counted_at": (projectKey) =>
    groupTime(projectKey, "failure_group_tests", "test_key", "last_counted_at"),
  "failures.counted_at": (projectKey) => `
    SELECT
      concat_ws(' ', 'run', x.run_key, 'test', x.test_key, x.result_id) AS key, x.counted_at::text AS stored,
      f.counted_at::text AS recounted
    FROM failures x
    JOIN folded_runs f ON f.project_key = x.project_key AND f.run_key = x.run_key
    WHERE x.project_key = ${projectKey} AND f.next_counted_at IS NULL`,
  failure_groups: (projectKey) => `
    SELECT
      'group ' || fingerprint AS key, count(g.fingerprint)::text AS stored, '1' AS recounted
    FROM (SELECT DISTINCT fingerprint FROM failures WHERE project_key = ${projectKey}) x
    LEFT JOIN (SELECT fingerprint FROM failure_groups WHERE project_key = ${projectKey}) g USING (fingerprint)
    GROUP BY fingerprint`,
};

const groupFigure = (
  projectKey: string,
  table: string,
  { key, value }: { readonly key: string; readonly value: string },
) => `
    SELECT
      concat_ws(' ', 'group', fingerprint, '${key}', key) AS key, COALESCE(stored, 0)::text AS stored,
      COALESCE(recounted, 0)::text AS recounted
    FROM (
      SELECT fingerprint, ${key} AS key, failure_count AS stored FROM ${table} WHERE project_key = ${projectKey}
    ) g
    FULL JOIN (
      SELECT fingerprint, ${value} AS key, count(*) AS recounted
      FROM failures
      WHERE project_key = ${projectKey}
      GROUP BY 1, 2
    ) f USING (fingerprint, key)`;

const groupTime = (projectKey: string, table: string, key: string, column: string) => `
    SELECT
      concat_ws(' ', 'group', fingerprint, '${key}', ${key}) AS key, g.${column}::text AS stored,
      f.newest_at::text AS recounted
    FROM ${table} g
    JOIN (
      SELECT fingerprint, ${key}, max(counted_at) AS newest_at
      FROM failures
      WHERE project_key = ${projectKey}
      GROUP BY 1, 2
    ) f USING (fingerprint, ${key})
    WHERE g.project_key = ${projectKey}`;
