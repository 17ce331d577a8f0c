/** The parts of a run as its record has them: with their totals, the kept refusals, and what their results tell. */
import { microsOf } from "./micros.js";
import {
  COUNT_NAMES,
  COUNT_SUMS,
  type Counts,
  LEDGER,
  REFUSAL_COUNTS,
  REFUSALS,
  toCounts,
} from "./part-counts.js";
import type { PartRow } from "./run-parts.js";
import { testOf } from "./tests.js";

export interface PartRecord extends Omit<PartRow, "partId"> {
  readonly createUs: number;
  /** When it finished by the server's clock; null while it has not. */
  readonly finishedUs: number | null;
  /** As the client gave them with its finish. */
  readonly finishStatus: number | null;
  readonly finishUs: number | null;
  readonly durationUs: number | null;
  readonly expectedCount: number | null;
  readonly counts: Counts;
  /** Distinct refused results that are kept and were not stored since. */
  readonly keptRefusals: number;
  /** Of these, those that failed or errored and are open. */
  readonly refusedFailures: number;
  /** Of these, those that have a say in its status: they failed, errored or passed, and are open. */
  readonly heardRefusals: number;
  /**
   * A test of it failed (errored) more often in one attempt than it passed in later ones, stored and open refused results
   * together; read only where no status was given.
   */
  readonly hasFailed: boolean;
  readonly hasErrored: boolean;
}

/** As the statement builds it: JSON, whose numbers are exact below 2^53. */
export type PartValues = readonly [
  job: string,
  attempt: number,
  shardIndex: number,
  shardTotal: number,
  producer: string,
  streamed: boolean,
  createUs: number,
  finishedUs: number | null,
  finishStatus: number | null,
  finishUs: number | null,
  durationUs: number | null,
  expectedCount: number | null,
  keptRefusals: number,
  refusedFailures: number,
  heardRefusals: number,
  hasFailed: boolean,
  hasErrored: boolean,
  counts: readonly (number | null)[],
];

export function toPart(values: PartValues): PartRecord {
  const [job, attempt, shardIndex, shardTotal, producer, streamed, createUs, ...rest] = values;
  const [finishedUs, finishStatus, finishUs, durationUs, expectedCount, ...found] = rest;
  const [keptRefusals, refusedFailures, heardRefusals, hasFailed, hasErrored, counts] = found;
  return {
    job,
    attempt,
    shardIndex,
    shardTotal,
    producer,
    streamed,
    createUs,
    finishedUs,
    finishStatus,
    finishUs,
    durationUs,
    expectedCount,
    keptRefusals,
    refusedFailures,
    heardRefusals,
    hasFailed,
    hasErrored,
    counts: toCounts(counts),
  };
}

/**
 * What is kept of a part `p` is what its results tell, if no refused ones have a say. Their number says so: a statement
 * that was under way while the run was settled does not unsettle it.
 */
const HAS_VERDICT = `p.kept_status IS NOT NULL AND (
    r.expire_step > 0 OR p.kept_count = COALESCE(counts.accepted, 0) AND COALESCE(refusals.heard, 0) = 0
  )`;

/**
 * The parts of the run `r` as JSON, `list`: as text and in arrays, which takes a quarter of the time that jsonb objects
 * do. `failures` reads results_failures and open refusals, once for all parts, only where there are failures of a part whose
 * producer gave no status, neither does `hasStatus` hold, and it was not kept what they tell. Failures of a test in one
 * attempt are repeats of each other: one of them stands unless as many later attempts passed in the same part, stored and
 * refused together. Copies of one result that agree in this are one. Of a refused result whose test is not known, no later
 * attempt passed. The results of each failing test are read once. OFFSET 0 keeps look-ups by key. `$1` is the project.
 */
export const partList = (hasStatus: string) => `
  WITH parts AS MATERIALIZED (
    SELECT
      p.*, counts.*, refusals.kept, refusals.failures, refusals.heard, ${HAS_VERDICT} AS has_verdict,
      r.expire_step = 0 AND p.finish_status IS NULL AND NOT (${hasStatus}) AND NOT (${HAS_VERDICT})
        AND COALESCE(counts.failed + counts.errored, 0) + COALESCE(refusals.failures, 0) > 0 AS is_judged
    FROM run_parts p
    LEFT JOIN LATERAL (
      SELECT part_id AS counted_id, ${COUNT_SUMS}
      FROM ${LEDGER} AS ledger
      GROUP BY part_id
    ) counts ON counts.counted_id = p.part_id
    LEFT JOIN LATERAL (
      SELECT
        part_id, ${REFUSAL_COUNTS},
        count(*) FILTER (WHERE state = 1 AND status <= 3) AS heard
      FROM ${REFUSALS}
      GROUP BY part_id
    ) refusals ON refusals.part_id = p.part_id
    WHERE p.project_key = $1 AND p.run_key = r.run_key
  ),
  judged AS MATERIALIZED (SELECT part_id FROM parts WHERE is_judged),
  refused AS MATERIALIZED (
    SELECT j.part_id, j.test_key, j.attempt, max(j.status) AS status
    FROM (
      SELECT j.part_id, t.test_key, j.attempt, j.result_id, j.status
      FROM rejections j
      LEFT JOIN LATERAL (
        SELECT test_key FROM tests WHERE ${testOf("j.test_id")}
        OFFSET 0
      ) t ON true
      WHERE EXISTS (SELECT FROM judged) AND j.project_key = $1 AND j.run_key = r.run_key
        AND j.kind = 1 AND j.state = 1 AND j.status <= 3 AND j.part_id IN (SELECT part_id FROM judged)
      OFFSET 0
    ) j
    LEFT JOIN LATERAL (
      SELECT status, batch_key
      FROM results
      WHERE project_key = $1 AND run_day = r.run_day AND run_key = r.run_key AND test_key = j.test_key
        AND result_id = j.result_id
      OFFSET 0
    ) s ON s.status <= 3 AND (s.status = 1) = (j.status = 1)
    LEFT JOIN LATERAL (
      SELECT part_id FROM batches
      WHERE project_key = $1 AND run_key = r.run_key AND batch_key = s.batch_key
      OFFSET 0
    ) b ON true
    WHERE b.part_id IS DISTINCT FROM j.part_id
    GROUP BY j.part_id, j.test_key, j.attempt, j.result_id, j.status = 1
  ),
  failures AS MATERIALIZED (
    SELECT
      part_id, test_key, attempt, count(*) FILTER (WHERE status = 2) AS failed,
      count(*) FILTER (WHERE status = 3) AS errored
    FROM (
      SELECT b.part_id, test_key, attempt, status
      FROM results f
      CROSS JOIN LATERAL (
        SELECT part_id FROM batches
        WHERE project_key = $1 AND run_key = f.run_key AND batch_key = f.batch_key
        OFFSET 0
      ) b
      WHERE EXISTS (SELECT FROM judged) AND f.project_key = $1 AND f.run_day = r.run_day AND f.run_key = r.run_key
        AND f.status IN (2, 3) AND b.part_id IN (SELECT part_id FROM judged)
      UNION ALL
      SELECT part_id, test_key, attempt, status FROM refused WHERE status <> 1
    ) f
    GROUP BY part_id, test_key, attempt
  ),
  failing AS (
    SELECT
      part_id, bool_or(failed > 0 AND failed + errored > passed_later) AS failed,
      bool_or(errored > 0 AND failed + errored > passed_later) AS errored
    FROM (
      SELECT part_id, failed, errored, COALESCE(sum(passed) OVER later_attempts, 0) AS passed_later
      FROM (
        SELECT part_id, test_key, attempt, failed, errored, 0 AS passed FROM failures
        UNION ALL
        SELECT part_id, test_key, attempt, 0, 0, 1 FROM refused WHERE status = 1 AND test_key IS NOT NULL
        UNION ALL
        SELECT b.part_id, test_key, later.attempt, 0, 0, 1
        FROM (SELECT test_key, min(attempt) AS attempt FROM failures GROUP BY test_key) f
        CROSS JOIN LATERAL (
          SELECT attempt, batch_key
          FROM results
          WHERE project_key = $1 AND run_day = r.run_day AND run_key = r.run_key
            AND test_key = f.test_key AND status = 1 AND attempt > f.attempt
          OFFSET 0
        ) later
        CROSS JOIN LATERAL (
          SELECT part_id FROM batches
          WHERE project_key = $1 AND run_key = r.run_key AND batch_key = later.batch_key
          OFFSET 0
        ) b
      ) tries
      WINDOW later_attempts AS (
        PARTITION BY part_id, test_key ORDER BY attempt DESC
        GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      )
    ) tried
    GROUP BY part_id
  )
  SELECT json_agg(
    json_build_array(
      p.job, p.attempt, p.shard_index, p.shard_total, p.producer, p.streamed, ${microsOf("p.created_at")},
      ${microsOf("p.finished_at")}, p.finish_status, ${microsOf("p.finish_time")}, p.duration_us, p.expected_count,
      COALESCE(p.kept, 0), COALESCE(p.failures, 0), COALESCE(p.heard, 0),
      CASE WHEN p.has_verdict THEN p.kept_status = 2 ELSE COALESCE(failing.failed, false) END,
      CASE WHEN p.has_verdict THEN p.kept_status = 3 ELSE COALESCE(failing.errored, false) END,
      json_build_array(${COUNT_NAMES.map((name) => `p."${name}"`).join(", ")})
    )
    ORDER BY p.job, p.shard_index, p.attempt, p.producer
  ) AS list
  FROM parts p
  LEFT JOIN failing ON failing.part_id = p.part_id AND p.is_judged`;
