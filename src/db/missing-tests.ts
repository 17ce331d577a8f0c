/** The tests that a run lacks, as they were found last. */
import { plainArray, textArray } from "./array-literal.js";
import { timeOf } from "./micros.js";
import type { FoundMissing } from "./missing-test-search.js";
import type { Queryable } from "./queryable.js";
import type { StoredTest } from "./stored-results.js";

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

/**
 * Keeps what was found for a version of a run, the first `limit` in the order of answers, unless something later was
 * kept. The run is still due if it has changed since, and no more where this very version was kept before.
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
found_before AS (
  UPDATE runs
  SET missing_due_at = NULL
  WHERE project_key = $1 AND run_key = $2::bigint AND missing_version = $3::bigint AND state_version = $3::bigint
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
  CROSS JOIN LATERAL (
    SELECT test_id, suite, file, name, parameters
    FROM tests
    WHERE project_key = $1 AND test_key = f.test_key
    OFFSET 0
  ) t
  ORDER BY place
  LIMIT $5::int
) AS m
ON CONFLICT DO NOTHING`;

/**
 * While an ended run is as it was when they were found, none has come: every later result changes its version. Of one
 * that goes on, a statement that began before a part of it was finished may have stored some: they are looked up test by
 * test, where without OFFSET 0 all results of the project might be gathered.
 */
const READ = `
WITH run AS MATERIALIZED (
  SELECT
    run_key, run_day, missing_version, missing_count, missing_version = state_version AND state <> 1 AS fresh
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
    CROSS JOIN LATERAL (
      SELECT part_id FROM batches WHERE project_key = $1 AND run_key = r.run_key AND batch_key = r.batch_key OFFSET 0
    ) b
    CROSS JOIN LATERAL (
      SELECT job FROM run_parts WHERE project_key = $1 AND run_key = r.run_key AND part_id = b.part_id OFFSET 0
    ) p
    WHERE r.project_key = $1 AND r.run_day = run.run_day AND r.run_key = run.run_key AND r.test_key = m.test_key
      AND p.job = m.job
    OFFSET 0
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
