/** What tests of reporters ask of the results of a run. */
import { expect } from "vitest";
import { Status, type TestResult } from "../../gen/tally/v1/run_pb.js";

/** Those of the tests of this name. */
export const named = (results: readonly TestResult[], name: string) =>
  results.filter(({ test }) => test?.name === name);

/** The one of the test of this name; there must be no other. */
export function only(results: readonly TestResult[], name: string): TestResult | undefined {
  const [result, ...others] = named(results, name);
  expect(others).toEqual([]);
  return result;
}

/** Status, attempt and repeat of each result of that name. */
export const outcomes = (results: readonly TestResult[], name: string) =>
  named(results, name).map(({ status, attempt, repeatIndex }) => [
    Status[status],
    attempt,
    repeatIndex,
  ]);

/** The last attempt of each test and repeat. */
export function lastAttempts(results: readonly TestResult[]): TestResult[] {
  const last = new Map<string, TestResult>();
  for (const result of results) {
    const { test, repeatIndex, attempt } = result;
    const key = JSON.stringify([test?.file, test?.suite, test?.name, repeatIndex]);
    if (attempt > (last.get(key)?.attempt ?? 0)) last.set(key, result);
  }
  return [...last.values()];
}
