/** Tests that a run lacks: had by most of the last runs of its branch, in a job that has finished here. */
import { plainArray, textArray } from "./array-literal.js";
import { timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";
import type { StoredTest } from "./stored-results.js";

/** FINISHED runs of the branch that are looked through for those with a job. */
const RUNS_EXAMINED = 500;
/** Runs with the job that a run is compared with, and how many of them must have had a test. */
const BASE_RUNS = 5;
const ENOUGH_RUNS = 3;
/** Results of one run that one statement reads: with six runs, some 100 ms. */
const RESULTS_PER_STATEMENT = 30_000;
const LAST_KEY = "9223372036854775807";

/** Up to `limit` runs of a project whose missing tests have to be found since a time, the longest first. */
export async function listMissingDue(
  db: Queryable,
  projectKey: string,
  beforeUs: number,
  limit: number,
): Promise<string[]> {
  const rows = await db.query<{ run_key: string }>(DUE, [projectKey, beforeUs, limit]);
  return rows.map((row) => row.run_key);
}

/** A run that had the job before; newness counts from 0. */
export interface BaseRun {
  readonly job: string;
  readonly runKey: string;
  readonly runDay: string;
  readonly newness: number;
}

/**
 * For each job the last 5 FINISHED runs before a run, of its branch and with the job; those of jobs with fewer than
 * 3 are left out. "Before" is by the time they count at, then run_id. Serves from runs_by_branch and the key of parts.
 */
export async function readBaseRuns(
  db: Queryable,
  projectKey: string,
  runKey: string,
  jobs: readonly string[],
  deadlineAt: number,
): Promise<BaseRun[]> {
  const params = [projectKey, runKey, textArray(jobs)];
  const rows = await db.query<BaseColumns>(BASES, params, { deadlineAt });
  return rows.map((row) => ({
    job: row.job,
    runKey: row.run_key,
    runDay: row.run_day,
    newness: row.newness,
  }));
}

interface BaseColumns {
  job: string;
  run_key: string;
  run_day: string;
  newness: number;
}

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
 * Keeps what was found for a version of a run, the first `limit` in the order of answers, unless something later was
 * kept. The run is still due if it has changed since.
 */
export async function keepMissingTests(
  db: Queryable,
  projectKey: string,
  run: { readonly runKey: string; readonly stateVersion: string },
  count: number,
  found: readonly FoundMissing[],
  limit: number,
  deadlineAt: number,
): Promise<void> {
  await db.query(
    KEEP,
    [
      projectKey,
      run.runKey,
      run.stateVersion,
      count,
      limit,
      plainArray(found.map(({ testKey }) => testKey)),
      textArray(found.map(({ job }) => job)),
      plainArray(found.map(({ lastRunKey }) => lastRunKey)),
    ],
    { deadlineAt },
  );
}

/** A missing test as answers show it. */
export interface MissingTest {
  readonly test: StoredTest;
  readonly job: string;
  /** '' if it is deleted. */
  readonly lastRunId: string;
}

/**
 * The missing tests of a run that were found last, the first ones, and how many there are; those that have come since
 * are left out. Serves from keys.
 */
export async function readMissingTests(
  db: Queryable,
  projectKey: string,
  runKey: string,
  limit: number,
  deadlineAt: number,
): Promise<{ count: number; first: MissingTest[] }> {
  const rows = await db.query<MissingColumns>(READ, [projectKey, runKey, limit], { deadlineAt });
  return {
    count: Number(rows[0]?.missing_count ?? 0),
    first: rows.flatMap((row) => {
      if (row.test_id === null) return [];
      const { test_id: testId, suite, file, name, parameters, variant } = row;
      const test = { testId, suite, file, name, parameters, variant };
      return [{ test, job: row.job, lastRunId: row.last_run_id ?? "" }];
    }),
  };
}

type MissingColumns = { missing_count: string | null; job: string; last_run_id: string | null } & (
  | (Omit<StoredTest, "testId"> & { test_id: string })
  | { test_id: null }
);

const DUE = `
SELECT run_key
FROM runs
WHERE project_key = $1 AND missing_due_at < ${timeOf("$2")} AND deleted_at IS NULL
ORDER BY missing_due_at
LIMIT $3::int`;

// The last runs are looked through only as far as the job needs.
const BASES = `
WITH run AS MATERIALIZED (
  SELECT branch, counted_at, run_id FROM runs WHERE project_key = $1 AND run_key = $2
),
bases AS (
  SELECT j.job, b.*, count(*) OVER (PARTITION BY j.job) AS base_count
  FROM unnest($3::text[]) AS j(job)
  CROSS JOIN LATERAL (
    SELECT run_key, run_day::text, (row_number() OVER (ORDER BY counted_at DESC, run_id DESC) - 1)::int AS newness
    FROM (
      SELECT run_key, run_day, counted_at, run_id
      FROM (
        SELECT run_key, run_day, counted_at, run_id, expired_at
        FROM runs
        WHERE project_key = $1 AND branch = (SELECT branch FROM run) AND state = 2 AND deleted_at IS NULL
          AND (counted_at, run_id) < (SELECT counted_at, run_id FROM run)
        ORDER BY counted_at DESC, run_id DESC
        LIMIT ${RUNS_EXAMINED}
      ) AS recent
      WHERE expired_at IS NULL AND EXISTS (
        SELECT FROM run_parts p WHERE p.project_key = $1 AND p.run_key = recent.run_key AND p.job = j.job
      )
      ORDER BY counted_at DESC, run_id DESC
      LIMIT ${BASE_RUNS}
    ) AS with_job
  ) b
)
SELECT job, run_key, run_day, newness
FROM bases
WHERE base_count >= ${ENOUGH_RUNS}
ORDER BY job, newness`;

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
  JOIN tests t ON t.project_key = $1 AND t.test_key = f.test_key
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

const KEEP = `
WITH kept AS (
  UPDATE runs
  SET
    missing_version = $3::bigint,
    missing_count = $4::bigint,
    missing_due_at = CASE WHEN state_version <> $3::bigint THEN missing_due_at END
  WHERE project_key = $1 AND run_key = $2::bigint AND deleted_at IS NULL
    AND (missing_version IS NULL OR missing_version < $3::bigint)
  RETURNING run_key
),
gone AS (
  DELETE FROM missing_tests
  WHERE project_key = $1 AND run_key = (SELECT run_key FROM kept) AND state_version < $3::bigint
)
INSERT INTO missing_tests (project_key, run_key, state_version, test_key, last_run_key, place, job)
SELECT $1, kept.run_key, $3::bigint, m.test_key, m.last_run_key, place, m.job
FROM kept
CROSS JOIN (
  SELECT
    f.test_key, f.job, f.last_run_key,
    row_number() OVER (
      ORDER BY
        t.file COLLATE "C", t.suite COLLATE "C", t.name COLLATE "C", t.parameters COLLATE "C", t.test_id,
        f.job COLLATE "C"
    ) AS place
  FROM unnest($6::bigint[], $7::text[], $8::bigint[]) AS f(test_key, job, last_run_key)
  JOIN tests t ON t.project_key = $1 AND t.test_key = f.test_key
  ORDER BY place
  LIMIT $5::int
) AS m
ON CONFLICT DO NOTHING`;

/** While the run is as it was when they were found, none can have come: every later result changes its version. */
const READ = `
WITH run AS MATERIALIZED (
  SELECT run_key, run_day, missing_version, missing_count, missing_version = state_version AS fresh
  FROM runs
  WHERE project_key = $1 AND run_key = $2
),
missing AS MATERIALIZED (
  SELECT m.test_key, m.job, m.last_run_key, m.place
  FROM run
  JOIN missing_tests m
    ON m.project_key = $1 AND m.run_key = run.run_key AND m.state_version = run.missing_version
  WHERE run.fresh AND m.place <= $3::int OR NOT run.fresh AND NOT EXISTS (
    SELECT
    FROM results r
    JOIN batches b ON b.project_key = $1 AND b.run_key = r.run_key AND b.batch_key = r.batch_key
    JOIN run_parts p ON p.project_key = $1 AND p.run_key = r.run_key AND p.part_id = b.part_id
    WHERE r.project_key = $1 AND r.run_day = run.run_day AND r.run_key = run.run_key AND r.test_key = m.test_key
      AND p.job = m.job
  )
),
come AS (
  SELECT
    CASE WHEN run.fresh THEN 0 ELSE (
      SELECT count(*)
      FROM missing_tests m
      WHERE m.project_key = $1 AND m.run_key = run.run_key AND m.state_version = run.missing_version
    ) - (SELECT count(*) FROM missing) END AS come_count
  FROM run
)
SELECT
  run.missing_count - come.come_count AS missing_count, m.job, r.run_id AS last_run_id, t.test_id, t.suite, t.file,
  t.name, t.parameters, t.variant
FROM run
CROSS JOIN come
LEFT JOIN (SELECT * FROM missing ORDER BY place LIMIT $3::int) AS m ON true
LEFT JOIN LATERAL (
  SELECT encode(test_id, 'hex') AS test_id, suite, file, name, parameters, variant
  FROM tests
  WHERE project_key = $1 AND test_key = m.test_key
  OFFSET 0
) t ON true
LEFT JOIN LATERAL (
  SELECT run_id FROM runs WHERE project_key = $1 AND run_key = m.last_run_key AND deleted_at IS NULL OFFSET 0
) r ON true
ORDER BY m.place`;
