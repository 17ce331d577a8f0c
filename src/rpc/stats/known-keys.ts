/**
 * Keys of runs and tests by their ids. An id keeps its key for ever, also when what it names is deleted: a key that was
 * found is remembered, and who reads by it learns whether there is still something.
 */
import { createBoundedCache } from "../../bounded-cache.js";
import type { Queryable } from "../../db/queryable.js";
import { findRun } from "../../db/run-lists.js";
import { findTest } from "../../db/test-records.js";

export interface KnownKeys {
  /** Null: there is no such run. Of one that was there before, its key. */
  run: FindKey;
  /** The same of tests. */
  test: FindKey;
}

type FindKey = (projectKey: string, id: string, deadlineAt: number) => Promise<string | null>;

/** Of each kind; some 3 MB. */
const REMEMBERED = 10_000;

/** Remembers nothing yet. */
export function createKnownKeys(db: Queryable): KnownKeys {
  const remembering = (find: typeof findRun): FindKey => {
    const known = createBoundedCache<string, string>(REMEMBERED);
    return async (projectKey, id, deadlineAt) => {
      const name = `${projectKey} ${id}`;
      const remembered = known.get(name);
      if (remembered !== undefined) return remembered;
      const found = await find(db, projectKey, id, deadlineAt);
      if (found !== null) known.set(name, found);
      return found;
    };
  };
  return { run: remembering(findRun), test: remembering(findTest) };
}
