/** What a flaky test is judged by: its contradicted failures, each with a pass that contradicts it. */
import { plainArray } from "./array-literal.js";
import { microsOf, readMicros, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** Tests, and from when on their failures count. */
export interface EvidenceQuery {
  readonly testKey: string;
  /** Microseconds since the epoch. */
  readonly sinceUs: number;
}

export interface TestEvidence {
  readonly testKey: string;
  /** The runs of the first and the last flaky failure of the window count at these times. */
  readonly firstUs: number;
  readonly lastUs: number;
  /** Newest first. */
  readonly failures: readonly FlakyFailure[];
}

/** Points at a result. */
export interface ResultPointer {
  readonly runId: string;
  readonly resultId: string;
  readonly attempt: number;
  /** When its run started, in microseconds since the epoch. */
  readonly startUs: number;
}

export interface FlakyFailure {
  readonly commitSha: string;
  readonly treeSha: string;
  readonly job: string;
  readonly failed: ResultPointer;
  /** The first 1,024 characters; '' where the result has left. */
  readonly message: string;
  /** The earliest pass that is still there; null if all have left. */
  readonly passed: ResultPointer | null;
  /** Failures of its run with its fingerprint, and all results of the run. */
  readonly failuresAlike: number;
  readonly runResults: number;
}

/**
 * For each test, up to `limit` of its newest flaky failures; tests without any are left out. Serves from
 * failures_by_test, runs_by_commit, runs_by_tree and the keys of its tables.
 */
export async function readFlakeEvidence(
  db: Queryable,
  projectKey: string,
  tests: readonly EvidenceQuery[],
  limit: number,
  deadlineAt: number,
): Promise<Map<string, TestEvidence>> {
  const evidence = new Map<string, TestEvidence & { failures: FlakyFailure[] }>();
  if (tests.length === 0) return evidence;
  const rows = await db.query<EvidenceColumns>(
    READ,
    [
      projectKey,
      plainArray(tests.map(({ testKey }) => testKey)),
      plainArray(tests.map(({ sinceUs }) => sinceUs)),
      limit,
    ],
    { deadlineAt },
  );
  for (const row of rows) {
    const { test_key: testKey } = row;
    const found = evidence.get(testKey) ?? {
      testKey,
      firstUs: Number(row.first_us),
      lastUs: Number(row.counted_us),
      failures: [],
    };
    found.failures.push(toFailure(row));
    evidence.set(testKey, found);
  }
  return evidence;
}

interface EvidenceColumns {
  test_key: string;
  first_us: string;
  run_id: string;
  commit_sha: string;
  tree_sha: string;
  counted_us: string;
  start_us: string;
  result_id: string;
  attempt: number;
  job: string;
  message: string | null;
  passed_run_id: string | null;
  passed_result_id: string | null;
  passed_attempt: number | null;
  passed_start_us: string | null;
  failures_alike: string | null;
  run_results: string | null;
}

function toFailure(row: EvidenceColumns): FlakyFailure {
  const { passed_run_id: runId, passed_result_id: resultId } = row;
  return {
    commitSha: row.commit_sha,
    treeSha: row.tree_sha,
    job: row.job,
    failed: {
      runId: row.run_id,
      resultId: row.result_id,
      attempt: row.attempt,
      startUs: Number(row.start_us),
    },
    message: row.message ?? "",
    passed:
      runId === null || resultId === null
        ? null
        : {
            runId,
            resultId,
            attempt: row.passed_attempt ?? 0,
            startUs: readMicros(row.passed_start_us) ?? 0,
          },
    failuresAlike: Number(row.failures_alike),
    runResults: Number(row.run_results),
  };
}

/**
 * The first run of some, in the order in which runs count, where the test `f.test_key` passed in the job `f.job`.
 * The index answers the runs in that order, so that the first pass ends the search.
 */
const firstPass = (siblings: string) => `
    (
      SELECT s.run_id, s.started_at, s.counted_at, s.run_key, p.result_id, p.attempt
      FROM runs AS s
      CROSS JOIN LATERAL (
        SELECT x.result_id, x.attempt
        FROM results AS x
        CROSS JOIN LATERAL (
          SELECT part_id
          FROM batches
          WHERE project_key = $1 AND run_key = x.run_key AND batch_key = x.batch_key
          OFFSET 0
        ) AS b
        CROSS JOIN LATERAL (
          SELECT job
          FROM run_parts
          WHERE project_key = $1 AND run_key = x.run_key AND part_id = b.part_id
          OFFSET 0
        ) AS j
        WHERE x.project_key = $1 AND x.run_day = s.run_day AND x.run_key = s.run_key
          AND x.test_key = f.test_key AND x.status = 1 AND j.job = f.job
        ORDER BY x.result_id COLLATE "C"
        LIMIT 1
      ) AS p
      WHERE s.project_key = $1 AND s.deleted_at IS NULL AND ${siblings}
      ORDER BY s.counted_at, s.run_key
      LIMIT 1
    )`;

/** Some flaky failures of the test `k`, with their runs; those of deleted runs are no evidence any more. */
const flakyFailures = (order: string, limit: string) => `
  SELECT
    f.test_key, f.run_key, f.fingerprint, f.counted_at, f.result_id, f.attempt, f.job,
    r.run_id, r.run_day, r.started_at, r.commit_sha, r.tree_sha, r.dirty
  FROM failures AS f
  CROSS JOIN LATERAL (
    SELECT run_id, run_day, started_at, commit_sha, tree_sha, dirty
    FROM runs
    WHERE project_key = $1 AND run_key = f.run_key AND deleted_at IS NULL
    OFFSET 0
  ) AS r
  WHERE f.project_key = $1 AND f.test_key = k.test_key AND f.contradicted
    AND f.counted_at >= ${timeOf("k.since_us")}
  ORDER BY ${order}
  LIMIT ${limit}
`;

const READ = `
SELECT
  f.test_key, ${microsOf("first.counted_at")} AS first_us,
  f.run_id, f.commit_sha, f.tree_sha, ${microsOf("f.counted_at")} AS counted_us,
  ${microsOf("f.started_at")} AS start_us, f.result_id, f.attempt, f.job, m.message, p.run_id AS passed_run_id,
  p.result_id AS passed_result_id, p.attempt AS passed_attempt, ${microsOf("p.started_at")} AS passed_start_us,
  (
    SELECT failure_count
    FROM failure_group_runs
    WHERE project_key = $1 AND fingerprint = f.fingerprint AND run_key = f.run_key
  ) AS failures_alike,
  (
    SELECT sum(accepted_count) FROM part_totals WHERE project_key = $1 AND run_key = f.run_key
  ) AS run_results
FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS k(test_key, since_us, place)
CROSS JOIN LATERAL (${flakyFailures("f.counted_at DESC, f.run_key DESC, f.result_id DESC", "$4::int")}) AS f
CROSS JOIN LATERAL (${flakyFailures("f.counted_at", "1")}) AS first
LEFT JOIN LATERAL (
  SELECT left(failure_message, 1024) AS message
  FROM results
  WHERE project_key = $1 AND run_day = f.run_day AND run_key = f.run_key AND test_key = f.test_key
    AND result_id = f.result_id
  OFFSET 0
) AS m ON true
LEFT JOIN LATERAL (
  SELECT *
  FROM (
    ${firstPass("s.run_key = f.run_key AND (f.dirty OR f.commit_sha = '' AND f.tree_sha = '')")}
    UNION ALL
    ${firstPass("s.commit_sha <> '' AND s.commit_sha = f.commit_sha AND NOT s.dirty AND NOT f.dirty")}
    UNION ALL
    ${firstPass("s.tree_sha <> '' AND s.tree_sha = f.tree_sha AND NOT s.dirty AND NOT f.dirty")}
  ) AS passes
  ORDER BY counted_at, run_key, result_id COLLATE "C"
  LIMIT 1
) AS p ON true
ORDER BY k.place, f.counted_at DESC, f.run_key DESC, f.result_id DESC`;
