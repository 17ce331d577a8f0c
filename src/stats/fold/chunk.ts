/** Rows of the queue as they are folded: numbers instead of text, beside their run. */
import { parseNumbers } from "../../db/array-literal.js";
import type { QueuedBatch } from "../../db/fold-queue.js";
import type { FoldingRun } from "../../db/folding-runs.js";
import type { FoldSlice } from "./slice.js";

/** A row of the queue. */
export interface ChunkBatch {
  readonly batchKey: string;
  readonly job: string;
  readonly run: FoldingRun;
  readonly slice: FoldSlice;
}

/** The row, read. Its results count by what is folded of the run already, else by what the run says now. */
export function toChunkBatch(queued: QueuedBatch, run: FoldingRun): ChunkBatch {
  const { countedUs, branch } = run.folded ?? run;
  return {
    batchKey: queued.batchKey,
    job: queued.ledger?.job ?? "",
    run,
    slice: {
      run: { runKey: run.runKey, countedUs, branch },
      weight: queued.weight,
      ledger: queued.ledger,
      testKeys: parseNumbers(queued.testKeys),
      statuses: parseNumbers(queued.statuses),
      durations: parseNumbers(queued.durations),
    },
  };
}

/** Whether its results can contradict others, or be contradicted: what is deleted counts no more. */
export function isLiving({ run, slice }: ChunkBatch): boolean {
  return slice.weight === 1 && !run.deleted;
}
