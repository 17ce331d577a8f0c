/** Failures that come, change or go, and what that moves in other figures. Pure. */
import type { FailureGroup, FailureRow, FoldStep } from "../../db/fold-rows.js";
import { dayOf } from "../windows.js";
import { type Gathered, gatherFlaky } from "./gather.js";
import type { FailureMove } from "./group-moves.js";

/** A failure before and after: null where it is not there. */
export interface FailureChange {
  readonly before: FailureRow | null;
  readonly after: FailureRow | null;
}

/** The changes of one step, with the groups of new failures. */
export interface FailureChanges {
  readonly changes: readonly FailureChange[];
  readonly groups: readonly FailureGroup[];
}

/** None. */
export const NO_CHANGES: FailureChanges = { changes: [], groups: [] };

/** What is written of them. */
export function failureRows(
  changes: readonly FailureChange[],
): Pick<FoldStep, "failures" | "goneFailures"> {
  const failures: FailureRow[] = [];
  const goneFailures: FailureRow[] = [];
  for (const { before, after } of changes) {
    if (after !== null) failures.push(after);
    else if (before !== null) goneFailures.push(before);
  }
  return { failures, goneFailures };
}

/** Adds the flaky failures that they make, and takes those away that they made before. */
export function gatherChanges(gathered: Gathered, changes: readonly FailureChange[]): void {
  for (const { before, after } of changes) {
    const from = flakyDay(before);
    const to = flakyDay(after);
    if (from === to) continue;
    if (before !== null && from !== null) gatherFlaky(gathered, before.testKey, from, -1);
    if (after !== null && to !== null) gatherFlaky(gathered, after.testKey, to, 1);
  }
}

/** How they move in the figures of their groups. */
export function failureMoves(changes: readonly FailureChange[]): FailureMove[] {
  return changes.flatMap(({ before, after }) => {
    const failure = after ?? before;
    const fromUs = before?.countedUs ?? null;
    const toUs = after?.countedUs ?? null;
    return failure === null || fromUs === toUs ? [] : [{ failure, fromUs, toUs }];
  });
}

/** The day on which it counts as a flaky failure; null: it does not. */
function flakyDay(failure: FailureRow | null): number | null {
  return failure?.contradicted ? dayOf(failure.countedUs) : null;
}
