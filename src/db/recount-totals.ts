/** The totals of parts and periods that are stored, and what the ledger says of parts. */
import { microsOf } from "./micros.js";
import { type FigurePair, foldedRows } from "./recount.js";
import type { Snapshot } from "./snapshot.js";

/** Sums in one text: counts by status, and of durations; and the histogram in hexadecimal. */
export interface StoredTotals {
  readonly sums: string;
  readonly histogram: string;
}

const TOTALS = `
  concat_ws(' ', passed_count, failed_count, errored_count, skipped_count, precluded_count, duration_us) AS sums,
  encode(durations, 'hex') AS histogram`;

export interface StoredPart extends StoredTotals {
  readonly run_key: string;
  /** In hexadecimal. */
  readonly part_id: string;
  /** Its run is. */
  readonly deleted: boolean;
}

/** In the order of run and part. */
export function storedParts(snapshot: Snapshot, projectKey: string): AsyncGenerator<StoredPart> {
  const deleted = `EXISTS (
      SELECT FROM runs r
      WHERE r.project_key = part_totals.project_key AND r.run_key = part_totals.run_key AND r.deleted_at IS NOT NULL
    ) AS deleted`;
  return foldedRows(
    snapshot,
    projectKey,
    "part_totals",
    `run_key, encode(part_id, 'hex') AS part_id, ${TOTALS}, ${deleted}`,
    "run_key, part_totals.part_id",
  );
}

export interface StoredPeriod extends StoredTotals {
  readonly branch: string;
  readonly unit: number;
  readonly start_us: string;
}

/** By branch: the hours of a day, then the day. */
export function storedPeriods(
  snapshot: Snapshot,
  projectKey: string,
  allBranches: boolean,
): AsyncGenerator<StoredPeriod> {
  return foldedRows(
    snapshot,
    projectKey,
    "project_periods",
    `branch, unit, ${microsOf("start_at")} AS start_us, ${TOTALS}`,
    "branch, (start_at AT TIME ZONE 'UTC')::date, unit, start_at",
    `all_branches = ${allBranches}`,
  );
}

/** Of each part, what its folded ledger says besides the statuses of results. */
export function ledgerFigures(snapshot: Snapshot, projectKey: string): AsyncGenerator<FigurePair> {
  return snapshot.rows(LEDGER_SUMS(projectKey));
}

const LEDGER_SUMS = (projectKey: string) => `
    SELECT
      concat_ws(' ', 'run', run_key, 'part', encode(part_id, 'hex')) AS key, COALESCE(s.sums, '') AS stored,
      concat_ws(' ', sum(b.accepted_count), sum(b.duplicate_count), sum(b.foreign_count), sum(b.conflict_count),
        sum(b.rejected_count), COALESCE(sum(b.accepted_count) FILTER (WHERE b.late), 0)) AS recounted
    FROM (
      SELECT *
      FROM batches b
      WHERE project_key = ${projectKey} AND NOT EXISTS (
        SELECT FROM fold_queue q
        WHERE q.project_key = ${projectKey} AND q.run_key = b.run_key AND q.batch_key = b.batch_key
      )
    ) b
    JOIN runs u USING (project_key, run_key)
    LEFT JOIN (
      SELECT
        run_key, part_id,
        concat_ws(' ', accepted_count, duplicate_count, foreign_count, conflict_count, rejected_count, late_count)
          AS sums
      FROM part_totals
      WHERE project_key = ${projectKey}
    ) s USING (run_key, part_id)
    WHERE u.expired_at IS NULL AND u.deleted_at IS NULL
    GROUP BY run_key, part_id, s.sums`;
