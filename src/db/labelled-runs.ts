/** Runs with labels within a window: no figure is kept by label, so each run of the window is looked at. */
import { plainArray } from "./array-literal.js";
import { microsOf, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import {
  QUEUED_TOTALS,
  type ResultTotals,
  type TotalsColumns,
  toResultTotals,
} from "./result-totals.js";
import {
  RUN_FACTS,
  RUN_TOTALS,
  type RunTotals,
  type RunTotalsColumns,
  toRunTotals,
} from "./run-totals.js";

export interface LabelledRunsQuery {
  /** '' means all. */
  readonly branch: string;
  /** All of them must be there. */
  readonly labels: Readonly<Record<string, string>>;
  /** Microseconds since the epoch, `[start, end)`. */
  readonly startUs: number;
  readonly endUs: number;
}

export interface LabelledRuns {
  readonly asOfUs: number;
  readonly runKeys: readonly string[];
  readonly runs: RunTotals;
  readonly results: ResultTotals;
}

/**
 * The runs that have the labels and the sums over them, of one snapshot; null if the window has more than `maxRuns`
 * runs. Serves from runs_by_time or runs_by_branch, the keys of runs and part_totals, and fold_queue.
 */
export async function readLabelledRuns(
  db: Queryable,
  projectKey: string,
  query: LabelledRunsQuery,
  maxRuns: number,
  deadlineAt: number,
): Promise<LabelledRuns | null> {
  const { branch, labels, startUs, endUs } = query;
  const [row] = await db.query<LabelledColumns>(
    readText(branch),
    [projectKey, startUs, endUs, branch, JSON.stringify(labels), maxRuns],
    { deadlineAt },
  );
  if (row === undefined) throw new Error("the statement answers one row");
  if (Number(row.examined) > maxRuns) return null;
  return {
    asOfUs: Number(row.as_of_us),
    runKeys: row.run_keys === null ? [] : row.run_keys.slice(1, -1).split(","),
    runs: toRunTotals(row),
    results: toResultTotals(row),
  };
}

/** The folded histograms of durations of the parts of runs. Serves from the key of part_totals. */
export async function readPartDurations(
  db: Queryable,
  projectKey: string,
  runKeys: readonly string[],
  deadlineAt: number,
): Promise<Uint8Array[]> {
  const rows = await db.query<{ durations: Uint8Array }>(
    READ_DURATIONS,
    [projectKey, plainArray(runKeys)],
    { deadlineAt },
  );
  return rows.map((row) => row.durations);
}

type LabelledColumns = TotalsColumns &
  RunTotalsColumns & { as_of_us: string; examined: string; run_keys: string | null };

const SUMS = ["passed", "failed", "errored", "skipped", "precluded", "duration_us"] as const;

/** A branch has an index of its own. `inspected` holds one run more than allowed where there are so many. */
const readText = (branch: string) => `
WITH inspected AS MATERIALIZED (
  SELECT run_key, labels @> $5::text::jsonb AS matches, counted_at, finished_at, state, status
  FROM runs
  WHERE project_key = $1 AND deleted_at IS NULL
    AND ${branch === "" ? "$4::text = ''" : "branch = $4::text"}
    AND counted_at >= ${timeOf("$2")} AND counted_at < ${timeOf("$3")}
  ORDER BY counted_at DESC, run_id DESC
  LIMIT $6::bigint + 1
),
matching AS MATERIALIZED (
  SELECT run_key, counted_at, finished_at, state, status
  FROM inspected
  WHERE matches AND (SELECT count(*) FROM inspected) <= $6::bigint
),
folded AS (
  SELECT ${SUMS.map((sum) => `sum(t.${sum}) AS ${sum}`).join(", ")}
  FROM matching AS m
  CROSS JOIN LATERAL (
    SELECT
      passed_count AS passed, failed_count AS failed, errored_count AS errored,
      skipped_count AS skipped, precluded_count AS precluded, duration_us
    FROM part_totals
    WHERE project_key = $1 AND run_key = m.run_key
    OFFSET 0
  ) AS t
),
queued AS (
  SELECT ${SUMS.map((sum) => `sum(c.${sum}) AS ${sum}`).join(", ")}
  FROM fold_queue AS q
  CROSS JOIN ${QUEUED_TOTALS}
  WHERE q.project_key = $1 AND q.run_key IN (SELECT run_key FROM matching)
),
ran AS (
  SELECT array_agg(run_key)::text AS run_keys, ${RUN_TOTALS}
  FROM (SELECT run_key, ${RUN_FACTS} FROM matching) AS runs_with_labels
)
SELECT
  ${microsOf("now()")} AS as_of_us, (SELECT count(*) FROM inspected) AS examined,
  ${SUMS.map((sum) => `COALESCE(folded.${sum}, 0) + COALESCE(queued.${sum}, 0) AS ${sum}`).join(",\n  ")},
  ran.*
FROM folded, queued, ran`;

const READ_DURATIONS = `
SELECT t.durations
FROM unnest($2::bigint[]) AS r(run_key)
CROSS JOIN LATERAL (
  SELECT durations FROM part_totals WHERE project_key = $1 AND run_key = r.run_key OFFSET 0
) AS t`;
