/** Branches, as recent runs tell of them. */
import type { Run } from "../../../gen/tally/v1/run_pb.js";

/** Those of the runs, each once, in their order. */
export function branchesOf(runs: readonly Run[]): readonly string[] {
  return [...new Set(runs.flatMap(({ source }) => source?.branch || []))];
}

/**
 * The branch that others are merged into: the one most runs name as such, else the one with most runs; the newer where two have
 * as many. Empty where no run has a branch.
 */
export function mainBranch(runs: readonly Run[]): string {
  const bases = runs.flatMap(({ source }) => source?.baseBranch || []);
  const tested = runs.flatMap(({ source }) => source?.branch || []);
  return mostFrequent(bases.filter((base) => tested.includes(base))) ?? mostFrequent(tested) ?? "";
}

function mostFrequent(texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  let best: string | undefined;
  for (const [text, count] of counts) {
    if (best === undefined || count > (counts.get(best) ?? 0)) best = text;
  }
  return best;
}
