import type { StoredResult } from "../../../../gen/tally/v1/stats_pb.js";

/** A test with its failed and errored results in a run. */
export interface FailingTest {
  readonly testId: string;
  /** In the order they are listed; never empty. */
  readonly results: readonly [StoredResult, ...StoredResult[]];
}

/**
 * The listed results by test, in their order, with those that were told of since: such a test that is not listed comes last. A
 * result that is in both counts once.
 */
export function groupByTest(
  listed: readonly StoredResult[],
  told: readonly StoredResult[],
): readonly FailingTest[] {
  const tests = new Map<string, [StoredResult, ...StoredResult[]]>();
  const seen = new Set<string>();
  for (const result of [...listed, ...told]) {
    const key = `${result.testId} ${result.result?.resultId}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const test = tests.get(result.testId);
    if (test === undefined) tests.set(result.testId, [result]);
    else test.push(result);
  }
  return [...tests].map(([testId, results]) => ({ testId, results }));
}
