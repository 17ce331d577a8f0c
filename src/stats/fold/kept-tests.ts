/**
 * What this process has last written of tests, so that folding more of them need not read it again. It is what is
 * stored as long as the version of the project's figures is the one that the write left: whoever else folds the
 * project raises it.
 */
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

/** What steps of a project wrote that followed each other here, and nowhere else. */
interface Chain {
  version: string;
  wroteAtMs: number;
  readonly windows: Map<number, KeptWindows>;
  readonly days: Map<number, KeptDay>;
}

/** Bytes are kept as texts of as many characters: a small Uint8Array takes a hundred bytes besides its own. */
interface KeptWindows extends Omit<TestWindowsState, "durations" | "recent"> {
  readonly packed: string;
  /** Where the first three of the packed parts end. */
  readonly weekEnd: number;
  readonly monthEnd: number;
  readonly quarterEnd: number;
}

/** Of the newest day that was written. */
interface KeptDay extends Omit<TestDayState, "durations"> {
  readonly day: number;
  readonly packed: string;
}

/** Some 600 bytes each. */
const TESTS = 40_000;
/** What is not folded for so long is forgotten. */
const IDLE_MS = 60_000;

/** Nothing yet. */
export function createKeptTests(now: () => number = () => performance.now()): KeptTests {
  /** By project; the one that was written last comes last. */
  const chains = new Map<string, Chain>();

  const chainOf = ({ projectKey, version }: ProjectVersion): Chain | undefined => {
    const chain = chains.get(projectKey);
    return chain?.version === version ? chain : undefined;
  };
  const forgetMost = (last: Chain) => {
    let tests = 0;
    for (const { windows } of chains.values()) tests += windows.size;
    for (const [projectKey, chain] of chains) {
      const isIdle = now() - chain.wroteAtMs > IDLE_MS;
      if (chain === last || (tests <= TESTS && !isIdle)) break;
      chains.delete(projectKey);
      tests -= chain.windows.size;
    }
    for (const testKey of last.windows.keys()) {
      if (last.windows.size <= TESTS) break;
      last.windows.delete(testKey);
      last.days.delete(testKey);
    }
  };

  return {
    async windows(db, figures, testKeys) {
      const chain = chainOf(figures);
      const known = testKeys.map((testKey) => chain?.windows.get(testKey));
      const bytes = unpack(known);
      const found = new Map<number, TestWindowsState>();
      const unknown: number[] = [];
      testKeys.forEach((testKey, i) => {
        const kept = known[i];
        if (kept === undefined) unknown.push(testKey);
        else found.set(testKey, toWindows(kept, bytes[i] ?? NO_BYTES));
      });
      if (unknown.length === 0) return found;
      const read = await readTestWindows(db, figures.projectKey, unknown);
      for (const [testKey, state] of read) found.set(testKey, state);
      return found;
    },
    async days(db, figures, wanted) {
      const chain = chainOf(figures);
      const known = wanted.map(({ testKey, day }) => {
        const kept = chain?.days.get(testKey);
        return kept?.day === day ? kept : undefined;
      });
      const bytes = unpack(known);
      const unknown: number[] = [];
      const found = known.map((kept, i): TestDayState | undefined => {
        if (kept === undefined) {
          unknown.push(i);
          return undefined;
        }
        const { runKeys, moreRuns } = kept;
        return { durations: bytes[i] ?? NO_BYTES, runKeys, moreRuns };
      });
      if (unknown.length === 0) return found;
      const keys = unknown.flatMap((i) => wanted.slice(i, i + 1));
      const read = await readTestDays(db, figures.projectKey, keys);
      for (const [n, i] of unknown.entries()) found[i] = read[n];
      return found;
    },
    wrote(before, step) {
      const { projectKey, version } = before;
      const chain = chainOf(before) ?? {
        version,
        wroteAtMs: 0,
        windows: new Map<number, KeptWindows>(),
        days: new Map<number, KeptDay>(),
      };
      chain.version = (BigInt(version) + 1n).toString();
      chain.wroteAtMs = now();
      chains.delete(projectKey);
      chains.set(projectKey, chain);
      for (const move of step.testWindows) chain.windows.set(move.testKey, keptWindows(move));
      for (const { testKey, day, durations, runKeys, moreRuns } of step.testDays) {
        const kept = chain.days.get(testKey);
        if (kept !== undefined && kept.day > day) continue;
        chain.days.set(testKey, { day, runKeys, moreRuns, packed: pack([durations]) });
      }
      forgetMost(chain);
    },
  };
}

function keptWindows(windows: TestWindowsState): KeptWindows {
  const { day, lastRunKey, lastCountedUs, lastStatus, p95Us, durations, recent } = windows;
  const [week, month, quarter] = durations;
  const weekEnd = week.length;
  const monthEnd = weekEnd + month.length;
  const quarterEnd = monthEnd + quarter.length;
  const packed = pack([week, month, quarter, recent]);
  const ends = { weekEnd, monthEnd, quarterEnd };
  return { packed, ...ends, day, lastRunKey, lastCountedUs, lastStatus, p95Us };
}

function toWindows(kept: KeptWindows, bytes: Uint8Array): TestWindowsState {
  const { weekEnd, monthEnd, quarterEnd } = kept;
  return {
    day: kept.day,
    lastRunKey: kept.lastRunKey,
    lastCountedUs: kept.lastCountedUs,
    lastStatus: kept.lastStatus,
    p95Us: kept.p95Us,
    durations: [
      bytes.subarray(0, weekEnd),
      bytes.subarray(weekEnd, monthEnd),
      bytes.subarray(monthEnd, quarterEnd),
    ],
    recent: bytes.subarray(quarterEnd),
  };
}

function pack(parts: readonly Uint8Array[]): string {
  let length = 0;
  for (const part of parts) length += part.length;
  if (scratch.length < length) scratch = Buffer.allocUnsafe(2 * length);
  let at = 0;
  for (const part of parts) {
    scratch.set(part, at);
    at += part.length;
  }
  return scratch.toString("latin1", 0, length);
}

let scratch = Buffer.allocUnsafe(1_024);

/** The bytes of each, in one block for all: it lives as long as the step. */
function unpack(kept: readonly ({ readonly packed: string } | undefined)[]): Uint8Array[] {
  let length = 0;
  for (const each of kept) length += each?.packed.length ?? 0;
  const block = Buffer.allocUnsafeSlow(length);
  const bytes = new Uint8Array(block.buffer);
  let at = 0;
  return kept.map((each) => {
    if (each === undefined) return NO_BYTES;
    const start = at;
    at += block.write(each.packed, start, "latin1");
    return bytes.subarray(start, at);
  });
}

const NO_BYTES = new Uint8Array();
