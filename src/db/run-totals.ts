/** Counts of runs by state and status, and how long they took. */
import { microsOf } from "./micros.js";

export interface RunTotals {
  readonly count: number;
  readonly running: number;
  readonly finished: number;
  readonly incomplete: number;
  readonly abandoned: number;
  readonly passed: number;
  readonly failed: number;
  readonly errored: number;
  readonly skipped: number;
  readonly durations: DurationRanks;
}

/** Exact p50, p95 and p99 in microseconds, by nearest rank; null where there is no duration. */
export interface DurationRanks {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** The columns of RUN_TOTALS; all NULL of no runs. */
export type RunTotalsColumns = Record<
  | "run_count"
  | "running"
  | "finished"
  | "incomplete"
  | "abandoned"
  | "runs_passed"
  | "runs_failed"
  | "runs_errored"
  | "runs_skipped"
  | "ended",
  string | null
> & { p50_us: string | null; p95_us: string | null; p99_us: string | null };

export function toRunTotals(row: RunTotalsColumns): RunTotals {
  const us = (value: string | null) => (value === null ? null : Number(value));
  return {
    count: Number(row.run_count),
    running: Number(row.running),
    finished: Number(row.finished),
    incomplete: Number(row.incomplete),
    abandoned: Number(row.abandoned),
    passed: Number(row.runs_passed),
    failed: Number(row.runs_failed),
    errored: Number(row.runs_errored),
    skipped: Number(row.runs_skipped),
    durations: {
      count: Number(row.ended),
      p50: us(row.p50_us),
      p95: us(row.p95_us),
      p99: us(row.p99_us),
    },
  };
}

/** What RUN_TOTALS needs of a row of runs; indexes hold all of it. FINISHED and INCOMPLETE runs took time. */
export const RUN_FACTS = `state, status,
      CASE WHEN state IN (2, 3) AND finished_at IS NOT NULL
        THEN GREATEST(interval '0', finished_at - counted_at)
      END AS took`;

const rank = (fraction: number) =>
  microsOf(`percentile_disc(${fraction}) WITHIN GROUP (ORDER BY took)`);

/**
 * Aggregates over RUN_FACTS. percentile_disc answers the nearest rank. Only what it answers is made microseconds: of
 * every row that takes a third of the statement.
 */
export const RUN_TOTALS = `count(*) AS run_count,
    count(*) FILTER (WHERE state = 1) AS running, count(*) FILTER (WHERE state = 2) AS finished,
    count(*) FILTER (WHERE state = 3) AS incomplete, count(*) FILTER (WHERE state = 4) AS abandoned,
    count(*) FILTER (WHERE status = 1) AS runs_passed, count(*) FILTER (WHERE status = 2) AS runs_failed,
    count(*) FILTER (WHERE status = 3) AS runs_errored, count(*) FILTER (WHERE status = 4) AS runs_skipped,
    count(took) AS ended, ${rank(0.5)} AS p50_us, ${rank(0.95)} AS p95_us, ${rank(0.99)} AS p99_us`;
