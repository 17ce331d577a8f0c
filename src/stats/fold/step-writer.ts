/** Writes steps of one who has read a project's figures, as long as nobody else folds them. */
import { dropEmptyFigures } from "../../db/fold-empty.js";
import { EMPTY_STEP, type FoldStep } from "../../db/fold-rows.js";
import { writeFoldStep } from "../../db/fold-write.js";
import type { Queryable } from "../../db/queryable.js";
import { composeStep, type StepParts } from "./compose-step.js";
import { NO_CHANGES } from "./failure-changes.js";
import type { FoldAt, FoldOutcome } from "./fold-outcome.js";
import { moveWindowsOn } from "./move-windows.js";
import type { FoldSlice } from "./slice.js";

export interface StepWriter {
  /** Writes the step, if nothing came in between. Unless it is `folded`, what was read has to be read anew. */
  write(parts: Partial<StepParts>): Promise<Exclude<FoldOutcome, "done" | "empty">>;
}

const { queue, runs, unpurgedRuns } = EMPTY_STEP;
const NOTHING: StepParts = { slices: [], failures: NO_CHANGES, queue, runs, unpurgedRuns };

/** A writer from this version on. */
export function createStepWriter(db: Queryable, projectKey: string, at: FoldAt): StepWriter {
  let version = BigInt(at.version);

  /** A crash before it leaves rows that count nothing, which nobody sees. */
  const dropEmpty = async (step: FoldStep, slices: readonly FoldSlice[]) => {
    if (slices.every(({ weight }) => weight === 1)) return;
    const testKeys = step.testDays.map(({ testKey }) => testKey);
    const lessened = step.groupTests.changed.map(({ fingerprint }) => fingerprint);
    const fingerprints = [...new Set(lessened)];
    const from = version.toString();
    await dropEmptyFigures(db, projectKey, from, testKeys, fingerprints, at.deadlineAt);
    version++;
  };

  return {
    async write(parts) {
      const step = await composeStep(db, projectKey, at.today, { ...NOTHING, ...parts });
      const from = version.toString();
      // Each step that is written raises it by one.
      version++;
      if (!("behind" in step)) {
        const written = await writeFoldStep(db, projectKey, from, step, at.deadlineAt);
        if (!written) return "raced";
        await dropEmpty(step, parts.slices ?? []);
        return "folded";
      }
      const to = { ...at, today: step.today, version: from };
      const moved = await moveWindowsOn(db, projectKey, to, step.behind);
      return moved ? "again" : "raced";
    },
  };
}
