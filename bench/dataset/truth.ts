/** Which tests of a data set were flaky, told from how it was made and not from what Tally says. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { Dataset } from "./plan.js";
import { statusesOf } from "./results.js";

/**
 * For each test that failed and passed in the same tree, by its place in the catalog: how many of its failures so
 * contradicted are of the UTC days `firstDay` to `lastDay` (days since the epoch).
 */
export function flakyFailures(
  dataset: Dataset,
  firstDay: number,
  lastDay: number,
): Map<number, number> {
  const flaky = new Map<number, number>();
  for (const test of dataset.catalog) {
    // Everything else that fails, fails in every run of its tree.
    if (test.flakeRate === 0) continue;
    const failed = new Map<string, number>();
    const passed = new Set<string>();
    for (const run of dataset.runs) {
      const { treeSha } = run.tree;
      const day = Math.floor(run.startUs / 86_400e6);
      for (const status of statusesOf(dataset, run, test)) {
        if (status === Status.PASSED) passed.add(treeSha);
        if (status !== Status.FAILED || day < firstDay || day > lastDay) continue;
        failed.set(treeSha, (failed.get(treeSha) ?? 0) + 1);
      }
    }
    const count = [...passed].reduce((sum, treeSha) => sum + (failed.get(treeSha) ?? 0), 0);
    if (count > 0) flaky.set(test.index, count);
  }
  return flaky;
}
