/** Finds the keys of tests, remembering those that a server saw lately. */
import type { Test } from "../../gen/tally/v1/run_pb.js";
import { createBoundedCache } from "../bounded-cache.js";
import type { Queryable } from "../db/queryable.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import { resolveTests } from "../db/tests.js";
import { limits } from "../limits.js";
import { testCacheKey, testId, variantJson } from "./identity.js";

export interface TestDirectory {
  /** The key of each test, stored if it is new; null where the project is full. */
  resolve(
    projectKey: string,
    tests: readonly Test[],
    retry: RetryOptions,
  ): Promise<(string | null)[]>;
}

/** About 250 bytes an entry. */
const REMEMBERED_TESTS = 200_000;

/** A directory over the database; keys never change, so what it remembers is always true. */
export function createTestDirectory(db: Queryable): TestDirectory {
  const remembered = createBoundedCache<string, string>(REMEMBERED_TESTS);
  return {
    async resolve(projectKey, tests, retry) {
      const keys = new Array<string | null>(tests.length).fill(null);
      const unknown = new Map<string, { test: Test; at: number[] }>();
      tests.forEach((test, index) => {
        const cacheKey = `${projectKey}:${testCacheKey(test)}`;
        const key = remembered.get(cacheKey);
        if (key !== undefined) {
          keys[index] = key;
          return;
        }
        const entry = unknown.get(cacheKey);
        if (entry === undefined) unknown.set(cacheKey, { test, at: [index] });
        else entry.at.push(index);
      });
      if (unknown.size === 0) return keys;

      const entries = [...unknown];
      const rows = entries.map(([, { test }]) => ({
        testId: testId(test),
        suite: test.suite,
        file: test.file,
        name: test.name,
        parameters: test.parameters,
        variant: variantJson(test),
      }));
      const resolved = await withRetries(
        () => resolveTests(db, projectKey, rows, limits.testsPerProject, retry.deadlineAt),
        retry,
      );
      entries.forEach(([cacheKey, { at }], i) => {
        const key = resolved[i] ?? null;
        if (key === null) return;
        remembered.set(cacheKey, key);
        for (const index of at) keys[index] = key;
      });
      return keys;
    },
  };
}
