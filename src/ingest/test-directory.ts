/** Finds the keys of tests, remembering those that a server saw lately. */
import type { Test } from "../../gen/tally/v1/run_pb.js";
import { createBoundedCache } from "../bounded-cache.js";
import type { Queryable } from "../db/queryable.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import { resolveTests, type TestRow } from "../db/tests.js";
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
  const lookUp = createLookUp(db);
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
      const rows = entries.map(([, { test }]) => testRow(test));
      const resolved = await lookUp(projectKey, rows, retry);
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

function testRow(test: Test): TestRow {
  return {
    testId: testId(test),
    suite: test.suite,
    file: test.file,
    name: test.name,
    parameters: test.parameters,
    variant: variantJson(test),
  };
}

interface LookUp {
  readonly rows: readonly TestRow[];
  readonly retry: RetryOptions;
  readonly resolve: (keys: (string | null)[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Rows of one statement, unless a single caller has more. */
const ROWS_PER_STATEMENT = 5_000;

/**
 * Asks the database for the callers of a project together: while one statement runs, those that come wait for
 * the next. 64 callers with one new test each would else commit 64 times.
 */
function createLookUp(db: Queryable) {
  const waiting = new Map<string, LookUp[]>();

  const run = async (projectKey: string, queue: LookUp[]) => {
    while (queue.length > 0) {
      let rows = 0;
      const taken = queue.findIndex((each) => {
        rows += each.rows.length;
        return rows > ROWS_PER_STATEMENT;
      });
      await ask(projectKey, queue.splice(0, taken === -1 ? queue.length : Math.max(1, taken)));
    }
    waiting.delete(projectKey);
  };
  const ask = async (projectKey: string, callers: readonly LookUp[]) => {
    const rows = callers.flatMap((caller) => caller.rows);
    const deadlineAt = Math.max(...callers.map(({ retry }) => retry.deadlineAt));
    const [first] = callers;
    if (first === undefined) return;
    try {
      const keys = await withRetries(
        () => resolveTests(db, projectKey, rows, limits.testsPerProject, deadlineAt),
        { ...first.retry, deadlineAt },
      );
      let from = 0;
      for (const caller of callers) {
        caller.resolve(keys.slice(from, from + caller.rows.length));
        from += caller.rows.length;
      }
    } catch (error) {
      for (const caller of callers) caller.reject(error);
    }
  };

  return (projectKey: string, rows: readonly TestRow[], retry: RetryOptions) =>
    new Promise<(string | null)[]>((resolve, reject) => {
      const lookUp = { rows, retry, resolve, reject };
      const queue = waiting.get(projectKey);
      if (queue !== undefined) {
        queue.push(lookUp);
        return;
      }
      const started = [lookUp];
      waiting.set(projectKey, started);
      // Callers who come in the same turn of the event loop share the first statement too.
      setImmediate(run, projectKey, started);
    });
}
