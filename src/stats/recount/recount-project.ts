/**
 * Recounts every folded figure of a project from its rows, of one moment: what is folded of the ledger, the results
 * and the failures, without what the queue still holds. It shares no code with folding but the definitions.
 */
import type { Snapshot } from "../../db/snapshot.js";
import type { Comparison } from "./differences.js";
import { recountFailures } from "./recount-failures.js";
import { recountTests } from "./recount-tests.js";
import { recountParts, recountPeriods } from "./recount-totals.js";

/** Compares each figure. What touches runs that retention has taken is left out. */
export async function recountProject(
  snapshot: Snapshot,
  projectKey: string,
  comparison: Comparison,
): Promise<void> {
  await recountParts(snapshot, projectKey, comparison);
  await recountPeriods(snapshot, projectKey, comparison);
  await recountTests(snapshot, projectKey, comparison);
  await recountFailures(snapshot, projectKey, comparison);
}
