/**
 * What this process has last written of tests, so that folding more of them need not read it again. It is what is
 * stored as long as the version of the project's figures is the one that the write left: whoever else folds the
 * project raises it.
 */
import { type BoundedCache, createBoundedCache } from "../../bounded-cache.js";
import type { FoldStep, TestDayState, TestWindowsState } from "../../db/fold-rows.js";
import { readTestDays, readTestWindows, type TestDayKey } from "../../db/fold-states.js";
import type { Queryable } from "../../db/queryable.js";

export interface KeptTests {
  /** The same as readTestWindows, of figures of this version. */
  windows(
    db: Queryable,
    figures: ProjectVersion,
    testKeys: readonly number[],
  ): Promise<Map<number, TestWindowsState>>;
  /** The same as readTestDays. */
  days(
    db: Queryable,
    figures: ProjectVersion,
    days: readonly TestDayKey[],
  ): Promise<(TestDayState | undefined)[]>;
  /** Keeps what a step has written that raised the version by one. */
  wrote(before: ProjectVersion, step: FoldStep): void;
}

/** Folded figures of a project, as they were at a version. */
export interface ProjectVersion {
  readonly projectKey: string;
  readonly version: string;
}

/** Steps of a project that followed each other here, and nowhere else. */
interface Chain {
  version: string;
}

interface Kept<State> {
  readonly chain: Chain;
  readonly state: State;
}

/** Of the newest day that was written. */
type KeptDay = TestDayState & { readonly day: number };

/** Some 700 bytes each. */
const TESTS = 40_000;
const PROJECTS = 10_000;

/** Nothing yet. */
export function createKeptTests(): KeptTests {
  const chains = createBoundedCache<string, Chain>(PROJECTS);
  const windows = createBoundedCache<number, Kept<TestWindowsState>>(TESTS);
  const days = createBoundedCache<number, Kept<KeptDay>>(TESTS);

  const chainOf = ({ projectKey, version }: ProjectVersion): Chain | undefined => {
    const chain = chains.get(projectKey);
    return chain?.version === version ? chain : undefined;
  };
  const find = <State>(
    cache: BoundedCache<number, Kept<State>>,
    chain: Chain | undefined,
    testKey: number,
  ): State | undefined => {
    const kept = chain === undefined ? undefined : cache.get(testKey);
    return kept?.chain === chain ? kept?.state : undefined;
  };

  return {
    async windows(db, figures, testKeys) {
      const chain = chainOf(figures);
      const found = new Map<number, TestWindowsState>();
      const unknown: number[] = [];
      for (const testKey of testKeys) {
        const state = find(windows, chain, testKey);
        if (state === undefined) unknown.push(testKey);
        else found.set(testKey, state);
      }
      if (unknown.length === 0) return found;
      const read = await readTestWindows(db, figures.projectKey, unknown);
      for (const [testKey, state] of read) found.set(testKey, state);
      return found;
    },
    async days(db, figures, wanted) {
      const chain = chainOf(figures);
      const unknown: number[] = [];
      const found = wanted.map(({ testKey, day }, i): TestDayState | undefined => {
        const state = find(days, chain, testKey);
        if (state?.day === day) return state;
        unknown.push(i);
        return undefined;
      });
      if (unknown.length === 0) return found;
      const keys = unknown.flatMap((i) => wanted.slice(i, i + 1));
      const read = await readTestDays(db, figures.projectKey, keys);
      for (const [n, i] of unknown.entries()) found[i] = read[n];
      return found;
    },
    wrote(before, step) {
      const { projectKey, version } = before;
      const chain = chainOf(before) ?? { version };
      chain.version = (BigInt(version) + 1n).toString();
      chains.set(projectKey, chain);
      for (const move of step.testWindows) {
        windows.set(move.testKey, { chain, state: ownWindows(move) });
      }
      for (const { testKey, day, durations, runKeys, moreRuns } of step.testDays) {
        const kept = find(days, chain, testKey);
        if (kept !== undefined && kept.day > day) continue;
        const state = { day, durations: own(durations), runKeys, moreRuns };
        days.set(testKey, { chain, state });
      }
    },
  };
}

function ownWindows(windows: TestWindowsState): TestWindowsState {
  const { day, lastRunKey, lastCountedUs, lastStatus, p95Us, recent } = windows;
  const [week, month, quarter] = windows.durations;
  return {
    day,
    lastRunKey,
    lastCountedUs,
    lastStatus,
    p95Us,
    durations: [own(week), own(month), own(quarter)],
    recent: own(recent),
  };
}

/** A copy with memory of its own: bytes of a step lie in blocks with those of many other tests. */
function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
