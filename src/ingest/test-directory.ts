/** Finds the keys of tests, remembering those that a server saw lately. */
import type { Test } from "../../gen/tally/v1/run_pb.js";
import { createBoundedCache } from "../bounded-cache.js";
import { isPoison } from "../db/errors.js";
import type { Queryable } from "../db/queryable.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import { resolveTests, type TestRow } from "../db/tests.js";
import { inSteps } from "../heavy-steps.js";
import { limits } from "../limits.js";
import { testCacheKey, testId, variantJson } from "./identity.js";

export interface TestDirectory {
  /** What became of each test; a new one is stored. */
  resolve(projectKey: string, tests: readonly Test[], retry: RetryOptions): Promise<ResolvedTest[]>;
}

/** The key of a test; null where the project is full; or why the database cannot store it. */
export type ResolvedTest = string | null | Unstorable;

export interface Unstorable {
  readonly reason: string;
}

/** About 250 bytes an entry. */
const REMEMBERED_TESTS = 200_000;

/** A directory over the database; keys never change, so what it remembers is always true. */
export function createTestDirectory(db: Queryable): TestDirectory {
  const remembered = createBoundedCache<string, string>(REMEMBERED_TESTS);
  const lookUp = createLookUp(db);
  /** Tests that are being looked up, by cache key: who comes with the same ones waits for the same answer. */
  const asked = new Map<string, Asked>();

  const ask = (projectKey: string, unknown: readonly Unknown[], retry: RetryOptions) => {
    const rows = unknown.map(({ test }) => testRow(test));
    const answer = lookUp(projectKey, rows, retry);
    unknown.forEach(({ cacheKey }, index) => {
      asked.set(cacheKey, { answer, index });
    });
    const forget = () => {
      for (const { cacheKey } of unknown) asked.delete(cacheKey);
    };
    answer.then(forget, forget);
    return answer;
  };

  return {
    async resolve(projectKey, tests, retry) {
      const keys = new Array<ResolvedTest>(tests.length).fill(null);
      const unknown = new Map<string, Unknown>();
      await inSteps(tests, (test, index) => {
        const cacheKey = `${projectKey}:${testCacheKey(test)}`;
        const key = remembered.get(cacheKey);
        if (key !== undefined) {
          keys[index] = key;
          return;
        }
        const entry = unknown.get(cacheKey);
        if (entry === undefined) unknown.set(cacheKey, { cacheKey, test, at: [index] });
        else entry.at.push(index);
      });
      if (unknown.size === 0) return keys;

      const settle = ({ cacheKey, at }: Unknown, key: ResolvedTest) => {
        if (typeof key === "string") remembered.set(cacheKey, key);
        for (const index of at) keys[index] = key;
      };
      const own: Unknown[] = [];
      const others: [Unknown, Asked][] = [];
      for (const each of unknown.values()) {
        const by = asked.get(each.cacheKey);
        if (by === undefined) own.push(each);
        else others.push([each, by]);
      }
      if (own.length > 0) {
        const answer = await ask(projectKey, own, retry);
        own.forEach((each, i) => {
          settle(each, answer[i] ?? null);
        });
      }
      const failed: Unknown[] = [];
      for (const [each, by] of others) {
        const answer = await by.answer.catch(() => undefined);
        if (answer === undefined) failed.push(each);
        else settle(each, answer[by.index] ?? null);
      }
      if (failed.length > 0) {
        const answer = await ask(projectKey, failed, retry);
        failed.forEach((each, i) => {
          settle(each, answer[i] ?? null);
        });
      }
      return keys;
    },
  };
}

interface Unknown {
  readonly cacheKey: string;
  readonly test: Test;
  /** Where the test stands in the batch. */
  readonly at: number[];
}

interface Asked {
  readonly answer: Promise<ResolvedTest[]>;
  readonly index: number;
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
  readonly resolve: (keys: ResolvedTest[]) => void;
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
    const [first] = callers;
    if (first === undefined) return;
    const rows = callers.flatMap((caller) => caller.rows);
    const deadlineAt = Math.max(...callers.map(({ retry }) => retry.deadlineAt));
    try {
      const keys = await resolveRows(db, projectKey, rows, { ...first.retry, deadlineAt });
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
    new Promise<ResolvedTest[]>((resolve, reject) => {
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

/** A test that the database cannot store is found by halving; its neighbours are stored. */
async function resolveRows(
  db: Queryable,
  projectKey: string,
  rows: readonly TestRow[],
  retry: RetryOptions,
): Promise<ResolvedTest[]> {
  try {
    return await withRetries(
      () => resolveTests(db, projectKey, rows, limits.testsPerProject, retry.deadlineAt),
      retry,
    );
  } catch (error) {
    if (!isPoison(error)) throw error;
    if (rows.length === 1) return [{ reason: error.message }];
    const half = rows.length >> 1;
    return [
      ...(await resolveRows(db, projectKey, rows.slice(0, half), retry)),
      ...(await resolveRows(db, projectKey, rows.slice(half), retry)),
    ];
  }
}
