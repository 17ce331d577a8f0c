/** SQL of the report on what a project keeps. */
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

// The ledger counts what is stored: no partition is scanned, only asked for its size. How many rows of all
// projects a partition has is what the last ANALYZE says, and at least the project's own. Rows leave by whole
// UTC days: a day goes when all of it is older than the retention.
const REPORT = `
WITH kept AS (
  SELECT run_key, run_day, created_at
  FROM runs
  WHERE project_key = $1 AND deleted_at IS NULL AND expired_at IS NULL
),
spans AS (
  SELECT count(*) AS run_count, min(created_at) AS oldest_at, min(run_day) AS oldest_day
  FROM kept
),
months AS (
  SELECT
    'results_' || to_char(kept.run_day, 'YYYY_MM') AS partition,
    sum(b.accepted_count) AS result_count
  FROM kept
  JOIN batches b ON b.project_key = $1 AND b.run_key = kept.run_key
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
    ${microsOf("(spans.oldest_day + p.retention_days + 1)::timestamp AT TIME ZONE 'UTC'")}
  END AS next_drop_us
FROM projects p
CROSS JOIN spans
CROSS JOIN sums
LEFT JOIN rejection_usage u ON u.project_key = p.project_key
WHERE p.project_key = $1 AND p.deleted_at IS NULL`;
