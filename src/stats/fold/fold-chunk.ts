/** Folds rows of the queue: they are taken off it by the statement that adds what they move. */
import { readFoldChunk } from "../../db/fold-queue.js";
import type { FoldedRun } from "../../db/fold-rows.js";
import { readFoldingRuns } from "../../db/folding-runs.js";
import type { Queryable } from "../../db/queryable.js";
import { heavyStep } from "../../heavy-steps.js";
import { type ChunkBatch, toChunkBatch } from "./chunk.js";
import type { StepParts } from "./compose-step.js";
import type { FailureChange } from "./failure-changes.js";
import type { FoldAt, FoldOutcome } from "./fold-outcome.js";
import { readFreedFailures } from "./free-failures.js";
import { type FailureSet, failureKey, findContradicted, meetPasses } from "./meet-passes.js";
import { readNewFailures } from "./new-failures.js";
import { createStepWriter } from "./step-writer.js";

/** Rows of the queue that are folded at once, and about how many results. */
const BOUNDS = { rows: 10_000, results: 150_000 };
/** Failures that become contradicted at once. */
const CONTRADICTED_AT_ONCE = 10_000;
const FAILED = 2;

/** Folds the first rows of a project's queue. */
export async function foldChunk(
  db: Queryable,
  projectKey: string,
  at: FoldAt,
): Promise<FoldOutcome> {
  const queued = await readFoldChunk(db, projectKey, BOUNDS);
  if (queued.length === 0) return "empty";
  const writer = createStepWriter(db, projectKey, at);
  const batches = await readBatches(db, projectKey, queued);
  const found = await findContradicted(db, projectKey, batches, CONTRADICTED_AT_ONCE);
  if (found.size >= CONTRADICTED_AT_ONCE) {
    // Too many for the statement that takes the passes off the queue: they go first.
    return writer.write({ failures: { changes: contradicted(found), groups: [] } });
  }
  const outcome = await writer.write(await partsOf(db, projectKey, queued, batches, found));
  return outcome === "folded" && isRest(queued, batches) ? "done" : outcome;
}

/** Whether the bounds left nothing of the queue behind. Rows that were left out are not counted: there may be more. */
function isRest(queued: readonly unknown[], batches: readonly ChunkBatch[]): boolean {
  const results = batches.reduce((sum, { slice }) => sum + slice.testKeys.length, 0);
  return (
    batches.length === queued.length && queued.length < BOUNDS.rows && results < BOUNDS.results
  );
}

/** The rows, read, beside their runs. Rows of runs that are no more are left out. */
async function readBatches(
  db: Queryable,
  projectKey: string,
  queued: readonly Parameters<typeof toChunkBatch>[0][],
): Promise<ChunkBatch[]> {
  const runKeys = [...new Set(queued.map(({ runKey }) => runKey))];
  const runOf = new Map(
    (await readFoldingRuns(db, projectKey, runKeys)).map((run) => [run.runKey, run]),
  );
  const batches: ChunkBatch[] = [];
  let results = 0;
  for (const each of queued) {
    const run = runOf.get(each.runKey);
    if (run === undefined) continue;
    const batch = toChunkBatch(each, run);
    batches.push(batch);
    results += batch.slice.testKeys.length;
    if (results > RESULTS_PER_STEP) {
      await heavyStep();
      results = 0;
    }
  }
  return batches;
}

/** About a millisecond of reading them. */
const RESULTS_PER_STEP = 5_000;

async function partsOf(
  db: Queryable,
  projectKey: string,
  queued: StepParts["queue"],
  batches: readonly ChunkBatch[],
  found: FailureSet,
): Promise<StepParts> {
  const fresh = await readNewFailures(db, projectKey, batches);
  const changes = await meetOwnPasses(batches, fresh.changes);
  const freed = await readFreedFailures(db, projectKey, batches);
  for (const { before, after } of freed) {
    if (after === null && before !== null) found.delete(failureKey(before));
  }
  return {
    slices: batches.map(({ slice }) => slice),
    failures: { changes: [...changes, ...freed, ...contradicted(found)], groups: fresh.groups },
    queue: queued,
    runs: newRuns(batches),
    unpurgedRuns: [
      ...new Set(
        batches
          .filter(({ run }) => run.deleted)
          .filter(hasCome)
          .map(runKeyOf),
      ),
    ],
  };
}

function contradicted(found: FailureSet): FailureChange[] {
  return [...found.values()].map((before) => ({
    before,
    after: { ...before, contradicted: true },
  }));
}

/** New failures were judged by what is folded of equal runs, which the passes of this chunk are not. */
async function meetOwnPasses(
  batches: readonly ChunkBatch[],
  changes: readonly FailureChange[],
): Promise<FailureChange[]> {
  const open = changes.flatMap(({ after }) =>
    after !== null && after.status === FAILED && !after.contradicted ? [after] : [],
  );
  const met: FailureSet = new Map();
  await meetPasses(batches, open, met);
  return changes.map(({ before, after }) => {
    const isMet = after !== null && met.has(failureKey(after));
    return { before, after: isMet ? { ...after, contradicted: true } : after };
  });
}

/**
 * Runs of which something is folded for the first time: as they stand, they will be found. And deleted ones, whose purge
 * may be removing what was read of them.
 */
function newRuns(batches: readonly ChunkBatch[]): FoldedRun[] {
  const found = new Map<string, FoldedRun>();
  for (const batch of batches) {
    const { run } = batch;
    if ((run.folded !== null && !run.deleted) || !hasCome(batch)) continue;
    const { runKey } = run;
    const { countedUs, branch, commitSha, treeSha, dirty } = run.folded ?? run;
    found.set(runKey, { runKey, countedUs, branch, commitSha, treeSha, dirty, move: null });
  }
  return [...found.values()];
}

function hasCome({ slice }: ChunkBatch): boolean {
  return slice.weight === 1 && slice.testKeys.length > 0;
}

const runKeyOf = ({ run }: ChunkBatch) => run.runKey;
