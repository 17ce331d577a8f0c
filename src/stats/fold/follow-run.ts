/**
 * Lets what is folded follow runs whose facts have changed: a run may get its branch, its commit or an earlier start
 * after results of it were folded. Its results move a page at a time; meanwhile those of it that are not folded wait.
 */
import { parseNumbers } from "../../db/array-literal.js";
import { readFoldedResults } from "../../db/fold-moves.js";
import type { FoldedRun, QueueKey } from "../../db/fold-rows.js";
import { readFailuresInRuns } from "../../db/folded-failures.js";
import { type FoldingRun, listChangedRuns, readFoldingRuns } from "../../db/folding-runs.js";
import type { Queryable } from "../../db/queryable.js";
import type { FailureChange } from "./failure-changes.js";
import type { FoldAt, FoldOutcome } from "./fold-outcome.js";
import { judgeAgain } from "./judge-again.js";
import type { FoldSlice } from "./slice.js";
import { createStepWriter, type StepWriter } from "./step-writer.js";

/** Rows of the queue that are looked at together. */
const CHANGES_PER_READ = 500;
/** Results that move at once. */
const RESULTS_PER_PAGE = 20_000;

/** Follows one run a page, or several that nothing is folded of; `empty` if no run has changed. */
export async function followRun(
  db: Queryable,
  projectKey: string,
  at: FoldAt,
): Promise<FoldOutcome> {
  const changed = await listChangedRuns(db, projectKey, CHANGES_PER_READ);
  if (changed.length === 0) return "empty";
  const writer = createStepWriter(db, projectKey, at);
  const runKeys = [...new Set(changed.map(({ runKey }) => runKey))];
  const runs = await readFoldingRuns(db, projectKey, runKeys);
  const moved = runs.find(needsMove);
  if (moved !== undefined) return movePage(db, projectKey, moved, writer);
  const recoded = runs.find(needsJudging);
  if (recoded !== undefined) {
    const queue = changed.filter(({ runKey }) => runKey === recoded.runKey);
    return judgeRun(db, projectKey, recoded, queue, writer);
  }
  return writer.write({ queue: changed });
}

/** What retention takes stays where it stood. A run that has just expired has yet to follow what was told of it before. */
function needsMove({ folded, sealed, deleted, countedUs, branch }: FoldingRun): boolean {
  if (folded === null || sealed) return false;
  if (folded.move !== null) return true;
  return !deleted && (folded.countedUs !== countedUs || folded.branch !== branch);
}

function needsJudging({ folded, sealed, deleted, ...live }: FoldingRun): boolean {
  if (sealed || deleted) return false;
  // Its passes may have been met before they are folded: a failure is judged by all that are committed.
  if (folded === null) return live.dirty;
  return (
    folded.commitSha !== live.commitSha ||
    folded.treeSha !== live.treeSha ||
    folded.dirty !== live.dirty
  );
}

/** Moves some results of a run from the time and branch that they stand by to those that it has got. */
async function movePage(
  db: Queryable,
  projectKey: string,
  run: FoldingRun,
  writer: StepWriter,
): Promise<FoldOutcome> {
  const { runKey, folded } = run;
  if (folded === null) throw new Error("nothing is folded of the run");
  const { countedUs, branch, commitSha, treeSha, dirty } = folded;
  const to = folded.move ?? {
    countedUs: run.countedUs,
    branch: run.branch,
    testKey: 0,
    resultId: "",
  };
  const page = await readFoldedResults(db, projectKey, run, to, RESULTS_PER_PAGE);
  const isLast = page === null || page.count < RESULTS_PER_PAGE;
  const row: FoldedRun = {
    runKey,
    commitSha,
    treeSha,
    dirty,
    ...(isLast
      ? { countedUs: to.countedUs, branch: to.branch, move: null }
      : {
          countedUs,
          branch,
          move: { ...to, testKey: page.lastTestKey, resultId: page.lastResultId },
        }),
  };
  if (page === null) return writer.write({ runs: [row] });
  const results = {
    ledger: null,
    testKeys: parseNumbers(page.testKeys),
    statuses: parseNumbers(page.statuses),
    durations: parseNumbers(page.durations),
  };
  const slices: FoldSlice[] = [
    { run: { runKey, countedUs, branch }, weight: -1, ...results },
    { run: { runKey, countedUs: to.countedUs, branch: to.branch }, weight: 1, ...results },
  ];
  const tests = [...new Set(results.testKeys)].map((testKey) => ({ runKey, testKey }));
  const failures = await readFailuresInRuns(db, projectKey, tests);
  const changes = failures
    .filter((failure) => failure.countedUs !== to.countedUs)
    .map((before) => ({ before, after: { ...before, countedUs: to.countedUs } }));
  return writer.write({ runs: [row], slices, failures: { changes, groups: [] } });
}

/** Judges anew what the code of a run decides: its failures, and those that its passes contradict. */
async function judgeRun(
  db: Queryable,
  projectKey: string,
  run: FoldingRun,
  queue: readonly QueueKey[],
  writer: StepWriter,
): Promise<FoldOutcome> {
  const { runKey, folded, commitSha, treeSha, dirty } = run;
  let outcome: FoldOutcome = "folded";
  const write = async (changes: readonly FailureChange[]) => {
    if (changes.length > 0) outcome = await writer.write({ failures: { changes, groups: [] } });
    return outcome === "folded";
  };
  if (!(await judgeAgain(db, projectKey, run, write))) return outcome;
  const runs = folded === null ? [] : [{ runKey, ...folded, commitSha, treeSha, dirty }];
  return writer.write({ runs, queue });
}
