/** What changed from one run to another, test by test. */
import type { Queryable } from "./queryable.js";
import type { StoredTest } from "./stored-results.js";

/** The kinds of change, each of which is counted and listed. */
export const CHANGE_KINDS = [
  "newlyFailing",
  "fixed",
  "stillFailing",
  "added",
  "missing",
  "slower",
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** A test in one of the runs: its outcome, and the duration of the result that decides it. */
export interface Outcome {
  readonly status: number;
  readonly durationUs: number | null;
}

export interface TestDifference {
  readonly test: StoredTest;
  /** Null where the run has no result of it. */
  readonly base: Outcome | null;
  readonly head: Outcome | null;
  /** Of the failure in the head run. */
  readonly failureMessage: string | null;
}

export interface RunComparison {
  /** Exact. */
  readonly counts: Readonly<Record<ChangeKind, number>>;
  /** Of the added ones, those that failed or errored. */
  readonly addedFailing: number;
  /** The first of each, by file, suite, name, parameters and test_id. */
  readonly changes: Readonly<Record<ChangeKind, readonly TestDifference[]>>;
}

/**
 * Compares two runs as they stand, in one snapshot, and quotes up to `maxMessageChars` of what failures said. The
 * outcome of a test in a run: of each job, the results of the highest attempt of the part decide; of these those of the
 * highest attempt, and each failure that stands: in one attempt failures are repeats of each other, of which one stands
 * unless as many later attempts passed. The worst of them (ERRORED, FAILED, PASSED, SKIPPED, PRECLUDED) is the job's
 * outcome, and the worst of the jobs the test's. Reads the results of both runs by the primary key, in its order.
 */
export async function compareRuns(
  db: Queryable,
  projectKey: string,
  baseKey: string,
  headKey: string,
  listSize: number,
  maxMessageChars: number,
  deadlineAt: number,
): Promise<RunComparison> {
  const rows = await db.query<ComparisonColumns>(
    COMPARE,
    [projectKey, baseKey, headKey, listSize, maxMessageChars],
    { deadlineAt },
  );
  const [totals] = rows;
  if (totals === undefined) throw new Error("the statement answers one row");
  const listed = rows.filter((row): row is ListedColumns => row.kind !== null);
  const each = <T>(make: (kind: ChangeKind, index: number) => T) =>
    Object.fromEntries(CHANGE_KINDS.map((kind, i) => [kind, make(kind, i + 1)])) as Record<
      ChangeKind,
      T
    >;
  return {
    counts: each((_, kind) => totals.counts[kind] ?? 0),
    addedFailing: totals.added_failing,
    changes: each((_, kind) => listed.filter((row) => row.kind === kind).map(toDifference)),
  };
}

interface TotalsColumns {
  counts: Record<number, number>;
  added_failing: number;
}
interface ListedColumns extends TotalsColumns, Omit<StoredTest, "testId"> {
  kind: number;
  test_id: string;
  base_status: number | null;
  base_us: string | null;
  head_status: number | null;
  head_us: string | null;
  failure_message: string | null;
}
type ComparisonColumns = ListedColumns | (TotalsColumns & { kind: null });

function toDifference(row: ListedColumns): TestDifference {
  const { test_id: testId, suite, file, name, parameters, variant } = row;
  const outcome = (status: number | null, us: string | null) =>
    status === null ? null : { status, durationUs: us === null ? null : Number(us) };
  return {
    test: { testId, suite, file, name, parameters, variant },
    base: outcome(row.base_status, row.base_us),
    head: outcome(row.head_status, row.head_us),
    failureMessage: row.failure_message,
  };
}

/** In place of a kind: which of a test's results decide must be found out. */
const UNDECIDED = 7;

/** What an outcome of this severity is at least. */
const from = (severity: number) => String(BigInt(severity) << 50n);
const isFailing = (outcome: string) => `${outcome} >= ${from(4)}`;
const isPassed = (outcome: string) => `(${outcome} >= ${from(3)} AND ${outcome} < ${from(4)})`;

/** The results of a run. */
const resultsOf = (runKey: string) => `
    FROM results
    WHERE project_key = $1 AND run_key = ${runKey}::bigint
      AND run_day = (SELECT run_day FROM runs WHERE project_key = $1 AND run_key = ${runKey}::bigint)`;

/** A result's outcome: its severity, 5 ERRORED to 1 PRECLUDED, above 50 bits of a duration, of which 0 is none. */
const OUTCOME = `((ARRAY[3, 4, 5, 2, 1])[status]::bigint << 50) + COALESCE(duration_us + 1, 0)`;

/** The tests of a run, in the order of the primary key, so that nothing is sorted; whichever results decide lie between. */
const boundsOf = (runKey: string) => `
  SELECT test_key, min(${OUTCOME}) AS least, max(${OUTCOME}) AS most
  ${resultsOf(runKey)}
  GROUP BY test_key`;

/**
 * The outcomes of the undecided tests. Everything is a number, so that 20,000 of them are sorted in some 10 ms: jobs;
 * `tries`, of a part's attempt and a result's; and outcomes. Of equal results the longest decides. A FULL JOIN is never
 * a nested loop, which a run of many unary calls would take minutes with.
 */
const outcomes = (name: string, runKey: string) => `
${name}_batches AS MATERIALIZED (
  SELECT b.batch_key, p.job, p.attempt << 16 AS part_tries
  FROM (
    SELECT part_id, attempt, dense_rank() OVER (ORDER BY job) AS job
    FROM run_parts
    WHERE project_key = $1 AND run_key = ${runKey}::bigint
  ) AS p
  JOIN batches b ON b.project_key = $1 AND b.run_key = ${runKey}::bigint AND b.part_id = p.part_id
),
${name}_tries AS MATERIALIZED (
  SELECT r.test_key, b.job, b.part_tries + r.attempt AS tries, r.outcome
  FROM (
    SELECT f.test_key, batch_key, attempt, outcome
    FROM first_look f
    CROSS JOIN LATERAL (
      SELECT batch_key, attempt, ${OUTCOME} AS outcome
      ${resultsOf(runKey)} AND test_key = f.test_key
      OFFSET 0
    ) AS x
    WHERE f.kind = ${UNDECIDED}
  ) AS r
  FULL JOIN ${name}_batches b USING (batch_key)
  WHERE COALESCE(r.test_key, 0) > 0 AND COALESCE(b.job, 0) > 0
),
${name} AS (
  SELECT test_key, max(outcome) AS outcome
  FROM (
    SELECT test_key, outcome
    FROM (
      SELECT DISTINCT ON (test_key, job) test_key, outcome
      FROM ${name}_tries
      ORDER BY test_key, job, tries DESC, outcome DESC
    ) AS last_attempts
    UNION ALL
    SELECT test_key, outcome
    FROM (
      SELECT
        test_key, outcome, tries, first_value(tries) OVER later_first AS last_tries,
        count(*) FILTER (WHERE ${isFailing("outcome")}) OVER (PARTITION BY test_key, job, tries) AS failures,
        count(*) FILTER (WHERE ${isPassed("outcome")}) OVER later_attempts AS passed_later
      FROM ${name}_tries
      FULL JOIN (
        SELECT DISTINCT test_key, job, true AS failed FROM ${name}_tries WHERE ${isFailing("outcome")}
      ) AS failed USING (test_key, job)
      WHERE COALESCE(failed, false)
      WINDOW
        later_first AS (PARTITION BY test_key, job ORDER BY tries DESC),
        later_attempts AS (later_first GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) AS failing
    WHERE ${isFailing("outcome")} AND tries >> 16 = last_tries >> 16 AND failures > passed_later
  ) AS deciding
  GROUP BY test_key
)`;

/** An outcome's status, and its duration. */
const statusOf = (outcome: string) => `(ARRAY[5, 4, 1, 2, 3])[(${outcome} >> 50)::int]`;
const durationOf = (outcome: string) => `NULLIF(${outcome} & ${BigInt(from(1)) - 1n}, 0) - 1`;

/** isSlower of src/stats, but for the percentile: outcomes of passed results that have a duration. */
const isSlower = (b: string, h: string) =>
  `${b} > ${from(3)} AND 2 * (${h} - ${from(3)} - 1) >= 3 * (${b} - ${from(3)} - 1) AND ${h} - ${b} >= 100000`;

/** The kind of a change from outcome b to outcome h, from 1 in the order of CHANGE_KINDS; 0 is none. */
const KIND = `CASE
    WHEN b IS NULL THEN 4
    WHEN h IS NULL THEN 5
    WHEN ${isFailing("h")} THEN CASE WHEN ${isFailing("b")} THEN 3 ELSE 1 END
    WHEN NOT ${isPassed("h")} THEN 0
    WHEN ${isFailing("b")} THEN 2
    WHEN ${isPassed("b")} AND ${isSlower("b", "h")} THEN 6
    ELSE 0
  END`;

/**
 * Most tests have one result in either run, or passed by all of them in about the same time, which is seen as the runs
 * are read: two of 20,000 tests take 35 ms of processor time, where deciding among all results takes 55. The
 * percentile is of as many durations as results that passed, failed or errored, or of fewer.
 */
const COMPARE = `
WITH first_look AS MATERIALIZED (
  SELECT *
  FROM (
    SELECT test_key, b, h,
      CASE
        WHEN COALESCE(b_least = b, true) AND COALESCE(h_least = h, true) THEN ${KIND}
        WHEN b_least > ${from(3)} AND b < ${from(4)} AND h_least >= ${from(3)} AND h < ${from(4)}
          AND NOT (${isSlower("b_least", "h")}) THEN 0
        ELSE ${UNDECIDED}
      END AS kind
    FROM (
      SELECT test_key, base.least AS b_least, base.most AS b, head.least AS h_least, head.most AS h
      FROM (${boundsOf("$2")}) AS base
      FULL JOIN (${boundsOf("$3")}) AS head USING (test_key)
      OFFSET 0
    ) AS pairs
    OFFSET 0
  ) AS judged
  WHERE kind <> 0
),
${outcomes("base", "$2")},
${outcomes("head", "$3")},
decided AS (
  SELECT test_key, b, h, ${KIND} AS kind
  FROM (
    SELECT test_key, base.outcome AS b, head.outcome AS h FROM base FULL JOIN head USING (test_key)
  ) AS pairs
),
changed AS MATERIALIZED (
  SELECT
    test_key, kind, ${statusOf("b")} AS base_status, ${durationOf("b")} AS base_us, ${statusOf("h")} AS head_status,
    ${durationOf("h")} AS head_us
  FROM (
    SELECT * FROM first_look WHERE kind <> ${UNDECIDED}
    UNION ALL
    SELECT * FROM decided
  ) AS judged
  WHERE kind BETWEEN 1 AND 5 OR kind = 6 AND NOT EXISTS (
    SELECT
    FROM test_windows w
    WHERE w.project_key = $1 AND w.test_key = judged.test_key
      AND w.passed_30 + w.failed_30 + w.errored_30 >= 20 AND w.p95_us_30 > 0
      AND judged.h - ${from(3)} - 1 <= w.p95_us_30
  )
),
totals AS (
  SELECT
    jsonb_object_agg(kind, count) AS counts,
    COALESCE(sum(failing) FILTER (WHERE kind = 4), 0)::int AS added_failing
  FROM (
    SELECT kind, count(*) AS count, count(*) FILTER (WHERE head_status IN (2, 3)) AS failing
    FROM changed
    GROUP BY kind
  ) AS by_kind
),
listed AS (
  SELECT *
  FROM (
    SELECT
      c.*, encode(t.test_id, 'hex') AS test_id, t.suite, t.file, t.name, t.parameters, t.variant,
      row_number() OVER (
        PARTITION BY kind
        ORDER BY t.file COLLATE "C", t.suite COLLATE "C", t.name COLLATE "C", t.parameters COLLATE "C", t.test_id
      ) AS place
    FROM changed c
    CROSS JOIN LATERAL (
      SELECT test_id, suite, file, name, parameters, variant
      FROM tests
      WHERE project_key = $1 AND test_key = c.test_key
      OFFSET 0
    ) t
  ) AS placed
  WHERE place <= $4::int
)
SELECT
  COALESCE(totals.counts, '{}') AS counts, totals.added_failing, l.kind, l.test_id, l.suite, l.file, l.name,
  l.parameters, l.variant, l.base_status, l.base_us, l.head_status, l.head_us,
  left(failed.failure_message, $5::int) AS failure_message
FROM totals
LEFT JOIN listed l ON true
LEFT JOIN LATERAL (
  SELECT failure_message
  FROM results r
  JOIN head_batches b USING (batch_key)
  WHERE project_key = $1 AND run_key = $3::bigint AND test_key = l.test_key AND status = l.head_status
    AND run_day = (SELECT run_day FROM runs WHERE project_key = $1 AND run_key = $3::bigint)
    AND duration_us IS NOT DISTINCT FROM l.head_us
  ORDER BY part_tries + r.attempt DESC, result_id COLLATE "C"
  LIMIT 1
) failed ON l.head_status IN (2, 3)
ORDER BY l.kind, l.place`;
