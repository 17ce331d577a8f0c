/** What changes in the failures when results of deleted runs are taken away: theirs go, and others may stand alone. */

import type { FailureRow } from "../../db/fold-rows.js";
import { readFailuresInRuns } from "../../db/folded-failures.js";
import { readFoldingRuns } from "../../db/folding-runs.js";
import type { Queryable } from "../../db/queryable.js";
import type { ChunkBatch } from "./chunk.js";
import type { FailureChange } from "./failure-changes.js";
import { judgeClaims } from "./judge-failures.js";
import { type FailureSet, failureKey, pagesOfTests, passedTests } from "./meet-passes.js";

const FAILED = 2;
const ERRORED = 3;

/**
 * The changes by rows of the queue that take results away. Failures that only a pass of a deleted run contradicted
 * are contradicted no more.
 */
export async function readFreedFailures(
  db: Queryable,
  projectKey: string,
  batches: readonly ChunkBatch[],
): Promise<FailureChange[]> {
  const leaving = batches.filter(({ slice }) => slice.weight === -1);
  if (leaving.length === 0) return [];
  const gone = await readFailuresInRuns(db, projectKey, failingTests(leaving));
  const goneKeys = new Set(gone.map(failureKey));
  const freed: FailureSet = new Map();
  for (const by of ["commit_sha", "tree_sha"] as const) {
    // Also of a dirty run: it may have become one after its passes were met.
    const tests = passedTests(leaving, ({ run }) =>
      by === "commit_sha" ? run.commitSha : run.treeSha,
    );
    for await (const page of pagesOfTests(db, projectKey, by, tests, true)) {
      const others = page.filter((failure) => !goneKeys.has(failureKey(failure)));
      for (const failure of await standingAlone(db, projectKey, others)) {
        freed.set(failureKey(failure), failure);
      }
    }
  }
  return [
    ...gone.map((before) => ({ before, after: null })),
    ...[...freed.values()].map((before) => ({ before, after: { ...before, contradicted: false } })),
  ];
}

/** Those that no pass of a living run contradicts, nor has before it expired, as far as that can be told. */
export async function standingAlone(
  db: Queryable,
  projectKey: string,
  failures: readonly FailureRow[],
): Promise<FailureRow[]> {
  if (failures.length === 0) return [];
  const runKeys = [...new Set(failures.map(({ runKey }) => runKey))];
  const runs = await readFoldingRuns(db, projectKey, runKeys);
  const runOf = new Map(runs.map((run) => [run.runKey, run]));
  const known = failures.flatMap((failure) => {
    const run = runOf.get(failure.runKey);
    return run === undefined ? [] : [{ failure, claim: { run, ...failure } }];
  });
  const judged = await judgeClaims(
    db,
    projectKey,
    known.map(({ claim }) => claim),
    "never",
  );
  return known.filter((_, i) => judged[i] === false).map(({ failure }) => failure);
}

function failingTests(batches: readonly ChunkBatch[]): { runKey: string; testKey: number }[] {
  const tests = new Map<string, { runKey: string; testKey: number }>();
  for (const { run, slice } of batches) {
    slice.statuses.forEach((status, i) => {
      if (status !== FAILED && status !== ERRORED) return;
      const testKey = slice.testKeys[i] ?? 0;
      tests.set(`${run.runKey} ${testKey}`, { runKey: run.runKey, testKey });
    });
  }
  return [...tests.values()];
}
