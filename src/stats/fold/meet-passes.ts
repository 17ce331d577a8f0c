/** Finds the failures that passed results contradict: the other half of what new failures are judged by. */

import type { FailureRow } from "../../db/fold-rows.js";
import {
  type FailuresBy,
  readFailuresOfTestsBy,
  readOpenFailures,
  type TestOf,
} from "../../db/folded-failures.js";
import type { Queryable } from "../../db/queryable.js";
import { inStepsOf } from "../../heavy-steps.js";
import { type ChunkBatch, isLiving } from "./chunk.js";
import { hasCode } from "./judge-failures.js";

/** Failures of one read. */
const FAILURES_PER_READ = 10_000;
/** Runs or commits of one read, and their open failures; of those that have more, only tests are asked for. */
const VALUES_PER_READ = 50;
const FAILURES_PER_VALUE = 200;

/** About a millisecond. */
const RESULTS_PER_STEP = 20_000;

const PASSED = 1;

/** A failure, by its key. */
export type FailureSet = Map<string, FailureRow>;

/**
 * Those failures that are folded, not contradicted yet, and that a pass of these rows of the queue contradicts. It
 * stops at `limit`: once they are contradicted, the next ones are found.
 */
export async function findContradicted(
  db: Queryable,
  projectKey: string,
  batches: readonly ChunkBatch[],
  limit: number,
): Promise<FailureSet> {
  const passing = batches.filter(
    (batch) => isLiving(batch) && batch.slice.statuses.includes(PASSED),
  );
  const found: FailureSet = new Map();
  for (const by of ["run_key", "commit_sha", "tree_sha"] as const) {
    const values = [...new Set(passing.map((batch) => codeValue(batch, by)))].filter(
      (v) => v !== "",
    );
    for (let from = 0; from < values.length && found.size < limit; from += VALUES_PER_READ) {
      const some = values.slice(from, from + VALUES_PER_READ);
      await findBy(db, projectKey, passing, by, some, found, limit);
    }
  }
  return found;
}

/** What a pass of these rows of the queue contradicts of `failures`. */
export async function meetPasses(
  batches: readonly ChunkBatch[],
  failures: readonly FailureRow[],
  found: FailureSet,
): Promise<void> {
  if (failures.length === 0) return;
  const ofTest = new Map<number, FailureRow[]>();
  for (const failure of failures) {
    const others = ofTest.get(failure.testKey);
    if (others === undefined) ofTest.set(failure.testKey, [failure]);
    else others.push(failure);
  }
  const weightOf = ({ slice }: ChunkBatch) => slice.testKeys.length;
  await inStepsOf(batches, weightOf, RESULTS_PER_STEP, (batch) => {
    const { testKeys, statuses } = batch.slice;
    if (!isLiving(batch)) return;
    for (let i = 0; i < testKeys.length; i++) {
      if (statuses[i] !== PASSED) continue;
      for (const failure of ofTest.get(testKeys[i] ?? 0) ?? []) {
        if (isContradicted(failure, batch)) found.set(failureKey(failure), failure);
      }
    }
  });
}

/** Names a failure within its project. */
export function failureKey({ runKey, testKey, resultId }: FailureRow): string {
  return `${runKey} ${testKey} ${resultId}`;
}

/** By a pass of the same test in the batch: same job, and same run or code. */
function isContradicted(failure: FailureRow, { job, run }: ChunkBatch): boolean {
  if (failure.job !== job) return false;
  if (failure.runKey === run.runKey) return true;
  if (!hasCode(run)) return false;
  return (
    (failure.commitSha !== "" && failure.commitSha === run.commitSha) ||
    (failure.treeSha !== "" && failure.treeSha === run.treeSha)
  );
}

async function findBy(
  db: Queryable,
  projectKey: string,
  passing: readonly ChunkBatch[],
  by: FailuresBy,
  values: readonly string[],
  found: FailureSet,
  limit: number,
): Promise<void> {
  const open = await readOpenFailures(db, projectKey, by, values, FAILURES_PER_VALUE);
  await meetPasses(passing, open, found);
  const counts = new Map<string, number>();
  for (const { index } of open) {
    const value = values[index] ?? "";
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const full = new Set(values.filter((value) => counts.get(value) === FAILURES_PER_VALUE));
  if (full.size === 0) return;
  const tests = passedTests(passing, (batch) => {
    const value = codeValue(batch, by);
    return full.has(value) ? value : "";
  });
  for await (const page of pagesOfTests(db, projectKey, by, tests, false)) {
    await meetPasses(passing, page, found);
    if (found.size >= limit) return;
  }
}

/** The tests that pass, by the run, commit or tree of each batch; '' leaves it out. */
export function passedTests(
  batches: readonly ChunkBatch[],
  codeOf: (batch: ChunkBatch) => string,
): TestOf[] {
  const tests = new Map<string, TestOf>();
  for (const batch of batches) {
    const value = codeOf(batch);
    if (value === "") continue;
    const { testKeys, statuses } = batch.slice;
    for (let i = 0; i < testKeys.length; i++) {
      if (statuses[i] !== PASSED) continue;
      const testKey = testKeys[i] ?? 0;
      tests.set(`${testKey} ${value}`, { value, testKey });
    }
  }
  return [...tests.values()];
}

/** The failures of these tests that are contradicted, or not. */
export async function* pagesOfTests(
  db: Queryable,
  projectKey: string,
  by: FailuresBy,
  tests: readonly TestOf[],
  contradicted: boolean,
): AsyncGenerator<FailureRow[]> {
  for (let from = 0; from < tests.length; from += FAILURES_PER_READ) {
    const some = tests.slice(from, from + FAILURES_PER_READ);
    let after: Parameters<typeof readFailuresOfTestsBy>[5] = null;
    do {
      const page: Awaited<ReturnType<typeof readFailuresOfTestsBy>> = await readFailuresOfTestsBy(
        db,
        projectKey,
        by,
        some,
        contradicted,
        after,
        FAILURES_PER_READ,
      );
      yield page;
      after = page.length < FAILURES_PER_READ ? null : (page.at(-1) ?? null);
    } while (after !== null);
  }
}

/** By what others of the same run, commit or tree are known; '' where there are none. */
function codeValue({ run }: ChunkBatch, by: FailuresBy): string {
  if (by === "run_key") return run.runKey;
  if (!hasCode(run)) return "";
  return by === "commit_sha" ? run.commitSha : run.treeSha;
}
