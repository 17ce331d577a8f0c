/** Runs and results of a project by hour and day: what is folded, and what is not folded yet, of one snapshot. */
import { plainArray } from "./array-literal.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import { MISPLACED_RESULTS } from "./misplaced-results.js";
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

/** Which runs, and how what is read of them is put together. */
export interface PeriodsQuery {
  /** '' means all. */
  readonly branch: string;
  /** Microseconds since the epoch, `[start, end)`. */
  readonly startUs: number;
  readonly endUs: number;
  /** The rows of figures that make up the window. */
  readonly ranges: readonly {
    readonly unit: "hour" | "day";
    readonly startUs: number;
    readonly endUs: number;
  }[];
  /** By what runs are grouped; null: the whole window. */
  readonly runsBy: "hour" | "day" | "week" | null;
}

/** What is known from one moment on: a period of results, a group of runs, or both where they start together. */
export interface PeriodRow {
  readonly startUs: number;
  readonly results: ResultTotals;
  /** A histogram of durations; null where nothing is folded. */
  readonly durations: Uint8Array | null;
  readonly runs: RunTotals;
}

/**
 * The rows of a window, in no order, and when they were read. Serves from the key of project_periods, from
 * fold_queue, and from runs_by_time or runs_by_branch alone.
 */
export async function readPeriods(
  db: Queryable,
  projectKey: string,
  query: PeriodsQuery,
  deadlineAt: number,
): Promise<{ readonly asOfUs: number; readonly rows: readonly PeriodRow[] }> {
  const { branch, startUs, endUs, ranges } = query;
  const rows = await db.query<PeriodColumns>(
    readText(query),
    [
      projectKey,
      startUs,
      endUs,
      plainArray(ranges.map(({ unit }) => (unit === "hour" ? 1 : 2))),
      plainArray(ranges.map((range) => range.startUs)),
      plainArray(ranges.map((range) => range.endUs)),
      branch,
    ],
    { deadlineAt },
  );
  return {
    asOfUs: Number(rows[0]?.as_of_us),
    rows: rows.flatMap((row) => {
      const at = readMicros(row.start_us);
      if (at === null) return [];
      return [
        {
          startUs: at,
          results: toResultTotals(row),
          durations: row.durations,
          runs: toRunTotals(row),
        },
      ];
    }),
  };
}

type PeriodColumns = TotalsColumns &
  RunTotalsColumns & { as_of_us: string; start_us: string | null; durations: Uint8Array | null };

/** A branch has an index of its own, which a plan for any branch and none could not use. */
function readText({ branch, runsBy }: PeriodsQuery): string {
  const ofBranch = branch === "" ? "$7::text = ''" : "branch = $7::text";
  const runStart = runsBy === null ? timeOf("$2") : startOf(runsBy);
  return `
WITH folded AS (
  SELECT p.*
  FROM unnest($4::smallint[], $5::bigint[], $6::bigint[]) AS r(unit, start_us, end_us)
  CROSS JOIN LATERAL (
    SELECT
      start_at, passed_count AS passed, failed_count AS failed, errored_count AS errored,
      skipped_count AS skipped, precluded_count AS precluded, duration_us, durations
    FROM project_periods
    WHERE project_key = $1 AND unit = r.unit AND all_branches = ($7::text = '') AND branch = $7::text
      AND start_at >= ${timeOf("r.start_us")} AND start_at < ${timeOf("r.end_us")}
    OFFSET 0
  ) AS p
),
${MISPLACED_RESULTS},
unfolded AS (
  SELECT counted_at, branch, passed, failed, errored, skipped, precluded, duration_us FROM misplaced
  UNION ALL
  SELECT counted_at, branch, passed, failed, errored, skipped, precluded, duration_us
  FROM (
    SELECT
      q.run_key, sum(c.passed) AS passed, sum(c.failed) AS failed, sum(c.errored) AS errored,
      sum(c.skipped) AS skipped, sum(c.precluded) AS precluded, sum(c.duration_us) AS duration_us
    FROM fold_queue AS q
    CROSS JOIN ${QUEUED_TOTALS}
    WHERE q.project_key = $1
    GROUP BY q.run_key
  ) AS q
  CROSS JOIN LATERAL (
    SELECT counted_at, branch COLLATE "C" AS branch
    FROM runs
    WHERE project_key = $1 AND run_key = q.run_key
    OFFSET 0
  ) AS r
),
queued AS (
  SELECT
    ${startOf(queuedBy(runsBy))} AS start_at,
    sum(passed) AS passed, sum(failed) AS failed, sum(errored) AS errored,
    sum(skipped) AS skipped, sum(precluded) AS precluded, sum(duration_us) AS duration_us
  FROM unfolded
  WHERE ${ofBranch} AND counted_at >= ${timeOf("$2")} AND counted_at < ${timeOf("$3")}
  GROUP BY start_at
),
ran AS (
  SELECT start_at, ${RUN_TOTALS}
  FROM (
    SELECT ${runStart} AS start_at, ${RUN_FACTS}
    FROM runs
    WHERE project_key = $1 AND deleted_at IS NULL AND ${ofBranch}
      AND counted_at >= ${timeOf("$2")} AND counted_at < ${timeOf("$3")}
  ) AS runs_of_window
  GROUP BY start_at
)
SELECT
  ${microsOf("now()")} AS as_of_us, ${microsOf("start_at")} AS start_us,
  COALESCE(folded.passed, 0) + COALESCE(queued.passed, 0) AS passed,
  COALESCE(folded.failed, 0) + COALESCE(queued.failed, 0) AS failed,
  COALESCE(folded.errored, 0) + COALESCE(queued.errored, 0) AS errored,
  COALESCE(folded.skipped, 0) + COALESCE(queued.skipped, 0) AS skipped,
  COALESCE(folded.precluded, 0) + COALESCE(queued.precluded, 0) AS precluded,
  COALESCE(folded.duration_us, 0) + COALESCE(queued.duration_us, 0) AS duration_us,
  durations, ran.*
FROM (folded FULL JOIN queued USING (start_at)) FULL JOIN ran USING (start_at)
-- Also a window without anything has a time.
RIGHT JOIN (SELECT) AS clock ON true`;
}

/** The queue joins the figures of the same period; weeks are made of days. */
function queuedBy(runsBy: PeriodsQuery["runsBy"]): "hour" | "day" {
  return runsBy === "day" || runsBy === "week" ? "day" : "hour";
}

/** The start of the period of a run. Weeks begin on Monday; date_trunc with a zone takes three times as long. */
function startOf(unit: "hour" | "day" | "week"): string {
  return `date_bin(interval '${HOURS[unit]} hours', counted_at, timestamptz '1970-01-05 00:00Z')`;
}

const HOURS = { hour: 1, day: 24, week: 7 * 24 } as const;
