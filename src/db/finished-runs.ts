/** Runs that have finished, as a list shows them: their parts tell nothing more but what they add up to. */
import { plainArray } from "./array-literal.js";
import { microsOf, readMicros } from "./micros.js";
import {
  COUNT_NAMES,
  COUNT_SUMS,
  type Counts,
  LEDGER,
  REFUSAL_COUNTS,
  REFUSALS,
  toCounts,
} from "./part-counts.js";
import type { Queryable } from "./queryable.js";
import { SHOWN_RUN, type ShownColumns, type ShownRun, toShownRun } from "./run-records.js";

export interface FinishedRun extends ShownRun {
  /** 0 is none. */
  readonly status: number;
  /** Microseconds since the epoch. */
  readonly finishUs: number | null;
  /** Of all its parts. */
  readonly counts: Counts;
  readonly keptRefusals: number;
  readonly refusedFailures: number;
}

/**
 * Those of the living runs that are settled as FINISHED, in no order: more results cannot end that, and whatever else
 * changes a run unsettles it. With 50 runs of four parts that is a fifth of the time that their records take.
 */
export async function readFinishedRuns(
  db: Queryable,
  projectKey: string,
  runKeys: readonly string[],
  deadlineAt: number,
): Promise<FinishedRun[]> {
  if (runKeys.length === 0) return [];
  const params = [projectKey, plainArray(runKeys)];
  const rows = await db.query<FinishedColumns>(READ, params, { deadlineAt });
  return rows.map((row) => ({
    status: row.status ?? 0,
    finishUs: readMicros(row.finish_us),
    counts: toCounts(COUNT_NAMES.map((name) => row[name])),
    keptRefusals: Number(row.kept),
    refusedFailures: Number(row.failures),
    ...toShownRun(row),
  }));
}

type FinishedColumns = ShownColumns &
  Record<(typeof COUNT_NAMES)[number], string | null> & {
    status: number | null;
    finish_us: string | null;
    kept: string;
    failures: string;
  };

const READ = `
SELECT
  ${SHOWN_RUN}, r.status, ${microsOf("r.finished_at")} AS finish_us, counts.*, refusals.*
FROM runs r
CROSS JOIN LATERAL (SELECT ${COUNT_SUMS} FROM ${LEDGER} AS ledger) counts
CROSS JOIN LATERAL (SELECT ${REFUSAL_COUNTS} FROM ${REFUSALS}) refusals
WHERE r.project_key = $1 AND r.run_key = ANY ($2::bigint[]) AND r.deleted_at IS NULL
  AND r.unsettled_at IS NULL AND r.state = 2`;
