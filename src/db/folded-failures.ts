/** Failed results that are folded already, as far as they are judged again. */
import { plainArray, textArray } from "./array-literal.js";
import type { CodeFacts, FailureRow } from "./fold-rows.js";
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** Whether a folded failure of the same test, job and code is contradicted; null where there is none. */
export async function readKnownFailures(
  db: Queryable,
  projectKey: string,
  questions: readonly (Omit<CodeFacts, "dirty"> & { testKey: number; job: string })[],
): Promise<(boolean | null)[]> {
  const rows = await db.query<{ ord: number; contradicted: boolean }>(KNOWN, [
    projectKey,
    plainArray(questions.map(({ testKey }) => testKey)),
    textArray(questions.map(({ job }) => job)),
    textArray(questions.map(({ commitSha }) => commitSha)),
    textArray(questions.map(({ treeSha }) => treeSha)),
  ]);
  const answers: (boolean | null)[] = new Array(questions.length).fill(null);
  for (const { ord, contradicted } of rows) answers[ord - 1] = contradicted;
  return answers;
}

/** By what folded failed results are found. */
export type FailuresBy = "run_key" | "commit_sha" | "tree_sha";

/** Folded failed results of these runs, commits or trees that nothing contradicts; up to `limit` of each. */
export async function readOpenFailures(
  db: Queryable,
  projectKey: string,
  by: FailuresBy,
  values: readonly string[],
  limit: number,
): Promise<(FailureRow & { readonly index: number })[]> {
  const rows = await db.query<FailureColumns & { ord: number }>(OPEN[by], [
    projectKey,
    textArray(values),
    limit,
  ]);
  return rows.map((row) => ({ index: row.ord - 1, ...toFailure(row) }));
}

/** Behind which failure a page begins: they are in the order of test, run and id. */
export interface FailurePlace {
  readonly testKey: number;
  readonly runKey: string;
  readonly resultId: string;
}

/** Folded failed results of a run, a commit or a tree that are contradicted, or not. */
export async function readFailuresBy(
  db: Queryable,
  projectKey: string,
  by: FailuresBy,
  value: string,
  contradicted: boolean,
  after: FailurePlace | null,
  limit: number,
): Promise<FailureRow[]> {
  const rows = await db.query<FailureColumns>(PAGE[by], [
    projectKey,
    value,
    contradicted,
    after?.testKey ?? 0,
    after?.runKey ?? 0,
    after?.resultId ?? "",
    limit,
  ]);
  return rows.map(toFailure);
}

/** A test in a run, or of a commit or tree. */
export interface TestOf {
  readonly value: string;
  readonly testKey: number;
}

/** The same of these tests, behind a place in their list. */
export async function readFailuresOfTestsBy(
  db: Queryable,
  projectKey: string,
  by: FailuresBy,
  tests: readonly TestOf[],
  contradicted: boolean,
  after: (Omit<FailurePlace, "testKey"> & { readonly index: number }) | null,
  limit: number,
): Promise<(FailureRow & { readonly index: number })[]> {
  const rows = await db.query<FailureColumns & { ord: number }>(OF_TESTS[by], [
    projectKey,
    textArray(tests.map(({ value }) => value)),
    plainArray(tests.map(({ testKey }) => testKey)),
    contradicted,
    (after?.index ?? 0) + 1,
    after?.runKey ?? 0,
    after?.resultId ?? "",
    limit,
  ]);
  return rows.map((row) => ({ index: row.ord - 1, ...toFailure(row) }));
}

/** All folded failures of these tests in these runs, by the primary key of failures. */
export async function readFailuresInRuns(
  db: Queryable,
  projectKey: string,
  tests: readonly { readonly runKey: string; readonly testKey: number }[],
): Promise<FailureRow[]> {
  const rows = await db.query<FailureColumns>(IN_RUNS, [
    projectKey,
    plainArray(tests.map(({ runKey }) => runKey)),
    plainArray(tests.map(({ testKey }) => testKey)),
  ]);
  return rows.map(toFailure);
}

interface FailureColumns {
  run_key: string;
  test_key: string;
  result_id: string;
  fingerprint: string;
  counted_us: string;
  status: number;
  attempt: number;
  contradicted: boolean;
  job: string;
  commit_sha: string;
  tree_sha: string;
}

function toFailure(row: FailureColumns): FailureRow {
  return {
    runKey: row.run_key,
    testKey: Number(row.test_key),
    resultId: row.result_id,
    fingerprint: row.fingerprint,
    countedUs: Number(row.counted_us),
    status: row.status,
    attempt: row.attempt,
    contradicted: row.contradicted,
    job: row.job,
    commitSha: row.commit_sha,
    treeSha: row.tree_sha,
  };
}

const FAILURE = `run_key, test_key, result_id, fingerprint, ${microsOf("counted_at")} AS counted_us, status, attempt,
    contradicted, job, commit_sha, tree_sha`;

// By failures_by_commit, or failures_by_tree where there is no commit; those that are not contradicted first.
const KNOWN = `
SELECT q.ord::int, f.contradicted
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[])
  WITH ORDINALITY AS q(test_key, job, commit_sha, tree_sha, ord)
CROSS JOIN LATERAL (
  SELECT contradicted
  FROM unnest(ARRAY[false, true]) AS f(contradicted)
  WHERE EXISTS (
    SELECT
    FROM failures t
    WHERE t.project_key = $1 AND t.commit_sha = q.commit_sha AND t.commit_sha <> '' AND t.status = 2
      AND t.contradicted = f.contradicted AND t.test_key = q.test_key AND t.tree_sha = q.tree_sha AND t.job = q.job
    OFFSET 0
  ) OR EXISTS (
    SELECT
    FROM failures t
    WHERE q.commit_sha = '' AND t.project_key = $1 AND t.tree_sha = q.tree_sha AND t.tree_sha <> ''
      AND t.status = 2 AND t.contradicted = f.contradicted AND t.test_key = q.test_key AND t.commit_sha = ''
      AND t.job = q.job
    OFFSET 0
  )
  LIMIT 1
) f`;

/** By the primary key, failures_by_commit or failures_by_tree, which have to be told their conditions. */
const CONDITIONS: Readonly<Record<FailuresBy, string>> = {
  run_key: "run_key = d.value::bigint",
  commit_sha: "commit_sha = d.value AND commit_sha <> ''",
  tree_sha: "tree_sha = d.value AND tree_sha <> ''",
};

const byEach = (textOf: (condition: string) => string): Readonly<Record<FailuresBy, string>> => ({
  run_key: textOf(CONDITIONS.run_key),
  commit_sha: textOf(CONDITIONS.commit_sha),
  tree_sha: textOf(CONDITIONS.tree_sha),
});

const OPEN = byEach(
  (condition) => `
SELECT d.ord::int, f.*
FROM unnest($2::text[]) WITH ORDINALITY AS d(value, ord)
CROSS JOIN LATERAL (
  SELECT ${FAILURE}
  FROM failures
  WHERE project_key = $1 AND ${condition} AND status = 2 AND NOT contradicted
  LIMIT $3::int
) f`,
);

const PAGE = byEach(
  (condition) => `
SELECT f.*
FROM (SELECT $2::text AS value) d
CROSS JOIN LATERAL (
  SELECT ${FAILURE}
  FROM failures
  WHERE project_key = $1 AND ${condition} AND status = 2 AND contradicted = $3::boolean
    AND test_key >= $4::bigint AND (test_key, run_key, result_id) > ($4::bigint, $5::bigint, $6::text)
  ORDER BY test_key, run_key, result_id
  LIMIT $7::int
) f`,
);

const OF_TESTS = byEach(
  (condition) => `
SELECT d.ord::int, f.*
FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS d(value, test_key, ord)
CROSS JOIN LATERAL (
  SELECT ${FAILURE}
  FROM failures
  WHERE project_key = $1 AND ${condition} AND status = 2 AND contradicted = $4::boolean
    AND test_key = d.test_key
    AND (d.ord > $5::int OR (run_key, result_id) > ($6::bigint, $7::text))
  OFFSET 0
) f
WHERE d.ord >= $5::int
ORDER BY d.ord, f.run_key::bigint, f.result_id
LIMIT $8::int`,
);

const IN_RUNS = `
SELECT f.*
FROM unnest($2::bigint[], $3::bigint[]) AS d(run_key, test_key)
CROSS JOIN LATERAL (
  SELECT ${FAILURE}
  FROM failures
  WHERE project_key = $1 AND run_key = d.run_key AND test_key = d.test_key
  OFFSET 0
) f`;
