/**
 * What src/stats/flaky.ts calls a contradiction, where the results are: passed results of the same test, job and
 * code as a failed one. Runs have the same code by commit or by tree; a dirty run only has its own.
 */
import { plainArray, textArray } from "./array-literal.js";
import type { CodeFacts } from "./fold-rows.js";
import type { Queryable } from "./queryable.js";

/** A run whose results may pass. */
export interface CodeRun {
  readonly runKey: string;
  /** ISO date. */
  readonly runDay: string;
  /** It had results, which have left, or will. */
  readonly expired: boolean;
}

/** The living runs of each of these codes that are not dirty, by runs_by_commit and runs_by_tree. */
export async function readRunsOfCode(
  db: Queryable,
  projectKey: string,
  codes: readonly Omit<CodeFacts, "dirty">[],
): Promise<CodeRun[][]> {
  const rows = await db.query<RunColumns>(RUNS_OF_CODE, [
    projectKey,
    textArray(codes.map((code) => code.commitSha)),
    textArray(codes.map((code) => code.treeSha)),
  ]);
  const runs: CodeRun[][] = codes.map(() => []);
  for (const { ord, run_key: runKey, run_day: runDay, expired } of rows) {
    runs[ord - 1]?.push({ runKey, runDay, expired });
  }
  return runs;
}

interface RunColumns {
  ord: number;
  run_key: string;
  run_day: string;
  expired: boolean;
}

/** Whether a test of a job passed in one of these runs. */
export interface PassQuestion {
  readonly testKey: number;
  readonly job: string;
  readonly runs: readonly CodeRun[];
}

/** The answers, by the primary keys of results, batches and run_parts. */
export async function readPasses(
  db: Queryable,
  projectKey: string,
  questions: readonly PassQuestion[],
): Promise<boolean[]> {
  // Questions share lists of runs: each list is sent once.
  const firstOf = new Map<readonly CodeRun[], number>();
  const runs: CodeRun[] = [];
  for (const question of questions) {
    if (firstOf.has(question.runs)) continue;
    firstOf.set(question.runs, runs.length + 1);
    runs.push(...question.runs);
  }
  const rows = await db.query<{ ord: number }>(PASSES, [
    projectKey,
    plainArray(questions.map(({ testKey }) => testKey)),
    textArray(questions.map(({ job }) => job)),
    plainArray(questions.map((question) => firstOf.get(question.runs) ?? 1)),
    plainArray(
      questions.map((question) => (firstOf.get(question.runs) ?? 1) + question.runs.length - 1),
    ),
    plainArray(runs.map(({ runKey }) => runKey)),
    plainArray(runs.map(({ runDay }) => runDay)),
  ]);
  const answers: boolean[] = new Array(questions.length).fill(false);
  for (const { ord } of rows) answers[ord - 1] = true;
  return answers;
}

// OFFSET 0 keeps the look-up by key: few have expired.
const RUNS_OF_CODE = `
SELECT
  c.ord::int, r.run_key, r.run_day::text,
  r.expired_at IS NOT NULL AND EXISTS (
    SELECT FROM folded_runs WHERE project_key = $1 AND run_key = r.run_key OFFSET 0
  ) AS expired
FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS c(commit_sha, tree_sha, ord)
CROSS JOIN LATERAL (
  SELECT run_key, run_day, expired_at
  FROM runs
  WHERE project_key = $1 AND commit_sha = c.commit_sha AND commit_sha <> '' AND deleted_at IS NULL AND NOT dirty
  UNION
  SELECT run_key, run_day, expired_at
  FROM runs
  WHERE project_key = $1 AND tree_sha = c.tree_sha AND tree_sha <> '' AND deleted_at IS NULL AND NOT dirty
) r`;

// OFFSET 0 keeps the look-ups by key. The first pass ends the search for a test.
const PASSES = `
SELECT q.ord::int
FROM unnest($2::bigint[], $3::text[], $4::int[], $5::int[])
  WITH ORDINALITY AS q(test_key, job, first_run, last_run, ord)
WHERE EXISTS (
  SELECT
  FROM generate_series(q.first_run, q.last_run) AS i
  CROSS JOIN LATERAL (
    SELECT run_key, batch_key
    FROM results
    WHERE project_key = $1 AND run_day = ($7::date[])[i] AND run_key = ($6::bigint[])[i]
      AND test_key = q.test_key AND status = 1
    OFFSET 0
  ) r
  CROSS JOIN LATERAL (
    SELECT part_id
    FROM batches
    WHERE project_key = $1 AND run_key = r.run_key AND batch_key = r.batch_key
    OFFSET 0
  ) b
  CROSS JOIN LATERAL (
    SELECT job
    FROM run_parts
    WHERE project_key = $1 AND run_key = r.run_key AND part_id = b.part_id
    OFFSET 0
  ) p
  WHERE p.job = q.job
)`;
