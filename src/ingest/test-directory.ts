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
  /** Tests that are not remembered yet, by cache key: who comes with the same ones waits for the same answer. */
  const asked = new Map<string, Asked>();

  /** Puts in the keys that are remembered; the tests without one, each once. */
  const recall = async (projectKey: string, tests: readonly Test[], keys: ResolvedTest[]) => {
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
    return unknown;
  };
  const ask = async (projectKey: string, unknown: readonly Unknown[], retry: RetryOptions) => {
    const rows: TestRow[] = [];
    await inSteps(unknown, ({ test }) => {
      rows.push(testRow(test));
    });
    return lookUp(projectKey, rows, retry);
  };
  /** Puts in what the answer says of tests, which stand at these places of it. */
  const settle = async (answer: Answer, { waiting, places }: Group, keys: ResolvedTest[]) => {
    const found = await answer;
    await inSteps(waiting, ({ cacheKey, at }, i) => {
      const key = found[places[i] ?? 0] ?? null;
      if (typeof key === "string") remembered.set(cacheKey, key);
      for (const index of at) keys[index] = key;
    });
  };
  const askAndSettle = async (
    projectKey: string,
    unknown: readonly Unknown[],
    retry: RetryOptions,
    keys: ResolvedTest[],
  ) => {
    if (unknown.length === 0) return;
    const answer = ask(projectKey, unknown, retry);
    unknown.forEach(({ cacheKey }, index) => {
      asked.set(cacheKey, { answer, index });
    });
    try {
      await settle(answer, { waiting: unknown, places: [...unknown.keys()] }, keys);
    } finally {
      for (const { cacheKey } of unknown) {
        if (asked.get(cacheKey)?.answer === answer) asked.delete(cacheKey);
      }
    }
  };

  return {
    async resolve(projectKey, tests, retry) {
      const keys = new Array<ResolvedTest>(tests.length).fill(null);
      const unknown = await recall(projectKey, tests, keys);
      const own: Unknown[] = [];
      const others = new Map<Answer, { waiting: Unknown[]; places: number[] }>();
      for (const each of unknown.values()) {
        const by = asked.get(each.cacheKey);
        // Another caller's answer may have come while the last tests were recalled.
        const key = remembered.get(each.cacheKey);
        if (key !== undefined) {
          for (const index of each.at) keys[index] = key;
        } else if (by === undefined) {
          own.push(each);
        } else {
          const group = others.get(by.answer) ?? { waiting: [], places: [] };
          others.set(by.answer, group);
          group.waiting.push(each);
          group.places.push(by.index);
        }
      }
      await askAndSettle(projectKey, own, retry, keys);
      const failed: Unknown[] = [];
      for (const [answer, group] of others) {
        await settle(answer, group, keys).catch(() => failed.push(...group.waiting));
      }
      await askAndSettle(projectKey, failed, retry, keys);
      return keys;
    },
  };
}

/** What became of tests that are asked for together, in their order. */
type Answer = Promise<ResolvedTest[]>;

interface Unknown {
  readonly cacheKey: string;
  readonly test: Test;
  /** Where the test stands in the batch. */
  readonly at: number[];
}

/** Tests that wait for one answer, and their places in it. */
interface Group {
  readonly waiting: readonly Unknown[];
  readonly places: readonly number[];
}

interface Asked {
  readonly answer: Answer;
  /** The test's place in it. */
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
