/**
 * Results that are folded where their run does not count any more: it has got a branch or an earlier start since,
 * and the fold has yet to follow. Exact counts take them from where they stand to where they belong.
 */

const SUMS = ["passed", "failed", "errored", "skipped", "precluded", "duration_us"] as const;
const sums = (of: (sum: string) => string) => SUMS.map((sum) => `${of(sum)} AS ${sum}`).join(", ");

/**
 * CTEs, the last of which is `misplaced`: counts by (counted_at, branch) to be added to what is folded. Serves from
 * fold_queue_changed_runs, folded_runs_moving and the keys of its tables. Of a run that is being moved, the results
 * up to one, in the order of the key of results, stand where it is going, as far as no row of the queue holds them.
 * Deleted runs stay where they are until they are taken away.
 */
export const MISPLACED_RESULTS = `
changed_runs AS MATERIALIZED (
  SELECT run_key FROM fold_queue WHERE project_key = $1 AND weight = 0
  UNION
  SELECT run_key FROM folded_runs WHERE project_key = $1 AND next_counted_at IS NOT NULL
),
misplaced AS (
  SELECT place.*
  FROM changed_runs AS c
  CROSS JOIN LATERAL (
    SELECT counted_at, branch, next_counted_at, next_branch, moved_test_key, moved_result_id
    FROM folded_runs
    WHERE project_key = $1 AND run_key = c.run_key
    OFFSET 0
  ) AS f
  CROSS JOIN LATERAL (
    SELECT counted_at, branch COLLATE "C" AS branch, run_day
    FROM runs
    WHERE project_key = $1 AND run_key = c.run_key AND deleted_at IS NULL
    OFFSET 0
  ) AS r
  CROSS JOIN LATERAL (
    SELECT ${sums((sum) => `COALESCE(sum(${sum === "duration_us" ? sum : `${sum}_count`}), 0)`)}
    FROM part_totals
    WHERE project_key = $1 AND run_key = c.run_key
  ) AS t
  CROSS JOIN LATERAL (
    SELECT
      count(*) FILTER (WHERE status = 1) AS passed, count(*) FILTER (WHERE status = 2) AS failed,
      count(*) FILTER (WHERE status = 3) AS errored, count(*) FILTER (WHERE status = 4) AS skipped,
      count(*) FILTER (WHERE status = 5) AS precluded, COALESCE(sum(duration_us), 0) AS duration_us
    FROM results AS x
    WHERE f.next_counted_at IS NOT NULL AND x.project_key = $1 AND x.run_day = r.run_day
      AND x.run_key = c.run_key AND x.test_key <= f.moved_test_key
      AND (x.test_key, x.result_id) <= (f.moved_test_key, f.moved_result_id COLLATE "default")
      AND NOT EXISTS (
        SELECT FROM fold_queue AS q
        WHERE q.project_key = $1 AND q.run_key = c.run_key AND q.batch_key = x.batch_key
      )
  ) AS m
  CROSS JOIN LATERAL (
    SELECT f.counted_at, f.branch, ${sums((sum) => `m.${sum} - t.${sum}`)}
    UNION ALL
    SELECT f.next_counted_at, f.next_branch, ${sums((sum) => `-m.${sum}`)}
    UNION ALL
    SELECT r.counted_at, r.branch, ${sums((sum) => `t.${sum}`)}
  ) AS place
)`;
