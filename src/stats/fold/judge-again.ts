/** Judges failures anew where the code of a run has changed: it got a commit or a tree, or turned out to be dirty. */

import { readPasses } from "../../db/contradictions.js";
import type { CodeFacts, FailureRow } from "../../db/fold-rows.js";
import { type FailurePlace, type FailuresBy, readFailuresBy } from "../../db/folded-failures.js";
import type { FoldingRun } from "../../db/folding-runs.js";
import type { Queryable } from "../../db/queryable.js";
import type { FailureChange } from "./failure-changes.js";
import { standingAlone } from "./free-failures.js";
import { hasCode, judgeClaims } from "./judge-failures.js";

const FAILURES_PER_PAGE = 2_000;

/** Writes changes; false: others have been faster, and all has to be done anew. */
type Write = (changes: readonly FailureChange[]) => Promise<boolean>;

/**
 * Writes what changes in the failures now that a run has the code that it has. What it had before is part of that: it
 * gets a commit and a tree once, and is dirty for ever. Can be done again at any time.
 */
export async function judgeAgain(
  db: Queryable,
  projectKey: string,
  run: FoldingRun,
  write: Write,
): Promise<boolean> {
  const pages = (by: FailuresBy, value: string, contradicted: boolean) =>
    failurePages(db, projectKey, by, value, contradicted);
  for (const contradicted of [false, true]) {
    for await (const page of pages("run_key", run.runKey, contradicted)) {
      if (!(await write(await judgeOwn(db, projectKey, run, page)))) return false;
    }
  }
  const contradicted = hasCode(run);
  for (const { by, value } of codesOf(run)) {
    for await (const page of pages(by, value, !contradicted)) {
      const passed = await passedIn(db, projectKey, run, page);
      const changed = contradicted ? passed : await standingAlone(db, projectKey, passed);
      if (!(await write(changed.map((before) => change(before, { contradicted }))))) return false;
    }
  }
  return true;
}

function change(before: FailureRow, to: Partial<FailureRow>): FailureChange {
  return { before, after: { ...before, ...to } };
}

/** The run's own failures; those that stay as they are are left out. */
async function judgeOwn(
  db: Queryable,
  projectKey: string,
  run: FoldingRun,
  failures: readonly FailureRow[],
): Promise<FailureChange[]> {
  const claims = failures.map(({ testKey, job }) => ({ testKey, job, run }));
  const judged = await judgeClaims(db, projectKey, claims, "never");
  const { commitSha, treeSha } = hasCode(run) ? run : { commitSha: "", treeSha: "" };
  return failures.flatMap((before, i) => {
    const contradicted = judged[i] ?? before.contradicted;
    const isSame =
      before.contradicted === contradicted &&
      before.commitSha === commitSha &&
      before.treeSha === treeSha;
    return isSame ? [] : [change(before, { contradicted, commitSha, treeSha })];
  });
}

/** Those whose test and job passed in the run. */
async function passedIn(
  db: Queryable,
  projectKey: string,
  run: FoldingRun,
  failures: readonly FailureRow[],
): Promise<FailureRow[]> {
  const runs = [run];
  const others = failures.filter(({ runKey }) => runKey !== run.runKey);
  const passed = await readPasses(
    db,
    projectKey,
    others.map(({ testKey, job }) => ({ testKey, job, runs })),
  );
  return others.filter((_, i) => passed[i]);
}

function codesOf(code: CodeFacts): { by: FailuresBy; value: string }[] {
  const codes: { by: FailuresBy; value: string }[] = [
    { by: "commit_sha", value: code.commitSha },
    { by: "tree_sha", value: code.treeSha },
  ];
  return codes.filter(({ value }) => value !== "");
}

async function* failurePages(
  db: Queryable,
  projectKey: string,
  by: FailuresBy,
  value: string,
  contradicted: boolean,
): AsyncGenerator<FailureRow[]> {
  let after: FailurePlace | null = null;
  do {
    const page: FailureRow[] = await readFailuresBy(
      db,
      projectKey,
      by,
      value,
      contradicted,
      after,
      FAILURES_PER_PAGE,
    );
    if (page.length > 0) yield page;
    after = page.length < FAILURES_PER_PAGE ? null : (page.at(-1) ?? null);
  } while (after !== null);
}
