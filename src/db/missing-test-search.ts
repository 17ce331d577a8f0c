/** Finds the tests that a run lacks: had by most of its base runs, in a job that has finished here. */
import { plainArray, textArray } from "./array-literal.js";
import { BASE_RUNS, type BaseRun, ENOUGH_RUNS } from "./base-runs.js";
import type { Queryable } from "./queryable.js";

/** Results of one run that one statement reads: with six runs, some 100 ms. */
const RESULTS_PER_STATEMENT = 30_000;
const LAST_KEY = "9223372036854775807";

/** A missing test, and the newest of the runs that had it. */
export interface FoundMissing {
  readonly testKey: string;
  readonly job: string;
  readonly lastRunKey: string;
}

/** A stretch of tests, in the order of their keys. */
export interface MissingStretch {
  readonly count: number;
  /** The first of them by file, suite, name, parameters and test_id, as many as were asked for. */
  readonly first: readonly FoundMissing[];
  /** Where the next stretch begins; null after the last. */
  readonly next: string | null;
}

/**
 * The tests after a key that at least 3 of the base runs of a job had in it, and the run has not. Reads the results of
 * all the runs by the primary key, up to a bound for each, and answers how far that went.
 */
export async function findMissingTests(
  db: Queryable,
  projectKey: string,
  runKey: string,
  bases: readonly BaseRun[],
  afterTestKey: string,
  limit: number,
  deadlineAt: number,
): Promise<MissingStretch> {
  const rows = await db.query<StretchColumns>(
    FIND,
    [
      projectKey,
      runKey,
      textArray(bases.map(({ job }) => job)),
      plainArray(bases.map((base) => base.runKey)),
      plainArray(bases.map(({ runDay }) => runDay)),
      plainArray(bases.map(({ newness }) => newness)),
      afterTestKey,
      limit,
    ],
    { deadlineAt },
  );
  const [stretch] = rows;
  return {
    count: Number(stretch?.found_count ?? 0),
    next: stretch?.next_key ?? null,
    first: rows.flatMap(({ test_key, job, last_run_key }) =>
      test_key === null ? [] : [{ testKey: test_key, job, lastRunKey: last_run_key }],
    ),
  };
}

interface StretchColumns {
  found_count: string;
  next_key: string | null;
  /** NULL where none is missing. */
  test_key: string | null;
  job: string;
  last_run_key: string;
}

/**
 * Each run is read once, however many jobs it is a base of. A test's runs are bits: 1 << newness, and the bit behind
 * those for the run itself. Where a run has more results than one statement reads, `stop` is a test that is far
 * enough for the longest of them; a single test with more is read whole. A FULL JOIN is never a nested loop, which
 * would read a run once for each of its batches.
 */
const FIND = `
WITH bases AS MATERIALIZED (
  SELECT b.job, b.run_key, b.run_day, b.newness, dense_rank() OVER (ORDER BY b.job) AS job_number
  FROM unnest($3::text[], $4::bigint[], $5::date[], $6::int[]) AS b(job, run_key, run_day, newness)
),
compared AS MATERIALIZED (
  SELECT run_key, run_day FROM bases
  UNION
  SELECT run_key, run_day FROM runs WHERE project_key = $1 AND run_key = $2
),
batches_of AS MATERIALIZED (
  SELECT c.run_key, b.batch_key, c.job_number, 1 << c.newness AS bit
  FROM (
    SELECT job, run_key, newness, job_number FROM bases
    UNION ALL
    SELECT DISTINCT job, $2::bigint, ${BASE_RUNS}, job_number FROM bases
  ) AS c
  CROSS JOIN LATERAL (
    SELECT run_key, part_id
    FROM run_parts
    WHERE project_key = $1 AND run_key = c.run_key AND job = c.job
    OFFSET 0
  ) p
  CROSS JOIN LATERAL (
    SELECT batch_key
    FROM batches
    WHERE project_key = $1 AND run_key = p.run_key AND part_id = p.part_id
    OFFSET 0
  ) b
),
long AS MATERIALIZED (
  SELECT c.run_key, c.run_day
  FROM compared c
  CROSS JOIN LATERAL (
    SELECT sum(accepted_count) AS result_count FROM batches WHERE project_key = $1 AND run_key = c.run_key
  ) AS ledger
  WHERE result_count > ${RESULTS_PER_STATEMENT}
),
stop AS MATERIALIZED (
  SELECT min(GREATEST(first_key, last_key - 1)) AS next_key
  FROM long
  CROSS JOIN LATERAL (
    SELECT test_key AS last_key
    FROM results
    WHERE project_key = $1 AND run_day = long.run_day AND run_key = long.run_key AND test_key > $7::bigint
    ORDER BY test_key
    LIMIT 1 OFFSET ${RESULTS_PER_STATEMENT - 1}
  ) AS last
  CROSS JOIN LATERAL (
    SELECT test_key AS first_key
    FROM results
    WHERE project_key = $1 AND run_day = long.run_day AND run_key = long.run_key AND test_key > $7::bigint
    ORDER BY test_key
    LIMIT 1
  ) AS first
),
found AS MATERIALIZED (
  SELECT r.test_key, b.job_number, bit_or(b.bit) AS bits
  FROM (
    SELECT c.run_key, r.test_key, r.batch_key
    FROM compared c
    CROSS JOIN LATERAL (
      SELECT test_key, batch_key
      FROM results
      WHERE project_key = $1 AND run_day = c.run_day AND run_key = c.run_key AND test_key > $7::bigint
        AND test_key <= COALESCE((SELECT next_key FROM stop), ${LAST_KEY})
      OFFSET 0
    ) r
  ) AS r
  FULL JOIN batches_of b ON b.run_key = r.run_key AND b.batch_key = r.batch_key
  WHERE COALESCE(r.test_key, 0) > 0 AND COALESCE(b.bit, 0) > 0
  GROUP BY r.test_key, b.job_number
  HAVING bit_or(b.bit) < 1 << ${BASE_RUNS} AND bit_count(bit_or(b.bit)::bit(${BASE_RUNS})) >= ${ENOUGH_RUNS}
),
first AS (
  SELECT f.test_key, f.bits, j.job
  FROM found f
  JOIN (SELECT DISTINCT job, job_number FROM bases) AS j USING (job_number)
  CROSS JOIN LATERAL (
    SELECT test_id, suite, file, name, parameters
    FROM tests
    WHERE project_key = $1 AND test_key = f.test_key
    OFFSET 0
  ) t
  ORDER BY
    t.file COLLATE "C", t.suite COLLATE "C", t.name COLLATE "C", t.parameters COLLATE "C", t.test_id, j.job COLLATE "C"
  LIMIT $8::int
)
SELECT
  (SELECT count(*) FROM found) AS found_count, stop.next_key, first.test_key, first.job, newest.run_key AS last_run_key
FROM stop
LEFT JOIN first ON true
LEFT JOIN LATERAL (
  SELECT run_key
  FROM bases
  WHERE bases.job = first.job AND first.bits & (1 << newness) > 0
  ORDER BY newness
  LIMIT 1
) AS newest ON true`;
