/** SQL of the report on the runs and results that a project keeps. */
import { startOf } from "./days.js";
import { KEPT } from "./expired-runs.js";
import { microsOf, readMicros } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** What a project keeps at one moment. */
export interface RetentionReport {
  readonly retentionDays: number;
  /** When the oldest run whose raw rows are kept was stored. */
  readonly oldestRunUs: number | null;
  /** Counts and bytes are int8 in decimal. */
  readonly runCount: string;
  readonly resultCount: string;
  readonly resultBytes: string;
  readonly keptRefusalBytes: string;
  /** When retention takes the oldest run's rows. */
  readonly nextDropUs: number | null;
}

/** What the project keeps now; null if it is gone. Exact but for the bytes. */
export async function readRetentionReport(
  db: Queryable,
  projectKey: string,
  deadlineAt: number,
): Promise<RetentionReport | null> {
  const [row] = await db.query<ReportRow>(REPORT, [projectKey], { deadlineAt });
  if (row === undefined) return null;
  return {
    retentionDays: row.retention_days,
    oldestRunUs: readMicros(row.oldest_run_us),
    runCount: row.run_count,
    resultCount: row.result_count,
    resultBytes: row.result_bytes,
    keptRefusalBytes: row.kept_refusal_bytes,
    nextDropUs: readMicros(row.next_drop_us),
  };
}

interface ReportRow {
  readonly retention_days: number;
  readonly oldest_run_us: string | null;
  readonly run_count: string;
  readonly result_count: string;
  readonly result_bytes: string;
  readonly kept_refusal_bytes: string;
  readonly next_drop_us: string | null;
}

// Totals count what is stored, and the ledger what is not folded yet: no partition is scanned, only asked for its
// size. How many rows of all projects a partition has is what the last ANALYZE says, and at least the project's own.
// Rows leave by whole UTC days: a day goes when all of it is older than the retention.
const REPORT = `
WITH kept AS (
  SELECT run_key, run_day, created_at
  FROM runs
  WHERE project_key = $1 AND ${KEPT}
),
spans AS (
  SELECT count(*) AS run_count, min(created_at) AS oldest_at, min(run_day) AS oldest_day
  FROM kept
),
counts AS (
  SELECT run_key, accepted_count
  FROM part_totals
  WHERE project_key = $1
  UNION ALL
  SELECT q.run_key, b.accepted_count
  FROM fold_queue q
  CROSS JOIN LATERAL (
    SELECT accepted_count
    FROM batches
    WHERE project_key = $1 AND run_key = q.run_key AND batch_key = q.batch_key
    OFFSET 0
  ) b
  WHERE q.project_key = $1 AND q.weight = 1
),
months AS (
  SELECT
    'results_' || to_char(kept.run_day, 'YYYY_MM') AS partition,
    sum(counts.accepted_count) AS result_count
  FROM kept
  JOIN counts USING (run_key)
  GROUP BY 1
),
sizes AS (
  SELECT
    m.result_count,
    pg_total_relation_size(c.oid) * m.result_count
      / NULLIF(GREATEST(c.reltuples::numeric, m.result_count), 0) AS result_bytes
  FROM months m
  LEFT JOIN pg_class c ON c.oid = to_regclass(m.partition)
),
sums AS (
  SELECT
    COALESCE(sum(result_count), 0)::bigint AS result_count,
    COALESCE(sum(result_bytes), 0)::bigint AS result_bytes
  FROM sizes
)
SELECT
  p.retention_days,
  ${microsOf("spans.oldest_at")} AS oldest_run_us,
  spans.run_count,
  sums.result_count,
  sums.result_bytes,
  COALESCE(u.kept_bytes, 0) AS kept_refusal_bytes,
  CASE WHEN p.retention_days > 0 THEN
    ${microsOf(startOf("spans.oldest_day + p.retention_days + 1"))}
  END AS next_drop_us
FROM projects p
CROSS JOIN spans
CROSS JOIN sums
LEFT JOIN rejection_usage u ON u.project_key = p.project_key
WHERE p.project_key = $1 AND p.deleted_at IS NULL`;
