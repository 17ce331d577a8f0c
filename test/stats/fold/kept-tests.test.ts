import { expect, it } from "vitest";
import { EMPTY_STEP, type FoldStep } from "../../../src/db/fold-rows.js";
import { createKeptTests } from "../../../src/stats/fold/kept-tests.js";

const NO_SUMS = { counts: [0, 0, 0, 0, 0], flaky: 0, durationUs: 0 } as const;
const bytes = (...values: number[]) => Uint8Array.from(values);

function windowsOf(testKey: number) {
  return {
    day: 20_000,
    lastRunKey: `${testKey}1`,
    lastCountedUs: 1_700_000_000_000_000 + testKey,
    lastStatus: 2,
    p95Us: [1, 2, 3, testKey],
    durations: [bytes(), bytes(0, 255, 128), bytes(testKey % 256)],
    recent: bytes(1, 2, 3, 4),
  } as const;
}
const dayOf = (testKey: number) => ({
  durations: bytes(7, testKey % 256),
  runKeys: `${testKey}1,3`,
  moreRuns: testKey % 2 === 0,
});

/** A step of these tests, on this day. */
function stepOf(testKeys: readonly number[], day = 20_000): FoldStep {
  return {
    ...EMPTY_STEP,
    testWindows: testKeys.map((testKey) => ({
      testKey,
      sums: [NO_SUMS, NO_SUMS, NO_SUMS, NO_SUMS],
      ...windowsOf(testKey),
    })),
    testDays: testKeys.map((testKey) => ({ testKey, day, ...NO_SUMS, ...dayOf(testKey) })),
  };
}

/** Kept tests over a database that has none, and how many of these tests it is asked for. */
function createKept() {
  const clock = { ms: 0 };
  const kept = createKeptTests(() => clock.ms);
  const asked = async (projectKey: string, version: string, testKeys: readonly number[]) => {
    let keys = 0;
    const db = {
      async query<Row>(_text: string, params: readonly unknown[] = []) {
        keys += String(params[1]).split(",").length;
        return [{ test_keys: null, ords: null }] as Row[];
      },
    };
    const found = await kept.windows(db, { projectKey, version }, testKeys);
    expect(keys).toBe(testKeys.length - found.size);
    return keys;
  };
  return { clock, kept, asked };
}
const noDatabase = {
  query: () => Promise.reject(new Error("nothing need be read")),
};

it("tells what was written, byte for byte, of the version that the step left", async () => {
  const { kept, asked } = createKept();
  const tests = [1, 2, 300];
  kept.wrote({ projectKey: "1", version: "9" }, stepOf(tests));
  const figures = { projectKey: "1", version: "10" };
  const windows = await kept.windows(noDatabase, figures, tests);
  const days = tests.map((testKey) => ({ testKey, day: 20_000 }));
  const found = await kept.days(noDatabase, figures, days);
  for (const [i, testKey] of tests.entries()) {
    const { durations, recent, ...rest } = windows.get(testKey) ?? windowsOf(0);
    const expected = windowsOf(testKey);
    expect(rest).toEqual({ ...expected, durations: undefined, recent: undefined });
    expect([...durations, recent].map((each) => [...each])).toEqual(
      [...expected.durations, expected.recent].map((each) => [...each]),
    );
    const day = found[i];
    expect({ ...day, durations: [...(day?.durations ?? [])] }).toEqual({
      ...dayOf(testKey),
      durations: [...dayOf(testKey).durations],
    });
  }
  for (const version of ["9", "11"]) expect(await asked("1", version, tests)).toBe(3);
  expect(await asked("2", "10", tests)).toBe(3);
});

it("keeps the newest day of a test", async () => {
  const { kept } = createKept();
  kept.wrote({ projectKey: "1", version: "1" }, stepOf([5], 20_001));
  kept.wrote({ projectKey: "1", version: "2" }, stepOf([5], 20_000));
  const figures = { projectKey: "1", version: "3" };
  const newest = await kept.days(noDatabase, figures, [{ testKey: 5, day: 20_001 }]);
  expect(newest[0]?.runKeys).toBe("51,3");
  const older = kept.days(noDatabase, figures, [{ testKey: 5, day: 20_000 }]);
  await expect(older).rejects.toThrow("nothing need be read");
});

it("forgets projects that are not folded for a minute", async () => {
  const { clock, kept, asked } = createKept();
  kept.wrote({ projectKey: "1", version: "1" }, stepOf([1]));
  clock.ms = 60_000;
  kept.wrote({ projectKey: "2", version: "1" }, stepOf([2]));
  expect(await asked("1", "2", [1])).toBe(0);
  clock.ms = 60_001;
  kept.wrote({ projectKey: "2", version: "2" }, stepOf([3]));
  expect(await asked("1", "2", [1])).toBe(1);
  expect(await asked("2", "3", [2, 3])).toBe(0);
});

it("keeps 40,000 tests: first other projects go, then the tests that came first", async () => {
  const { kept, asked } = createKept();
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  kept.wrote({ projectKey: "1", version: "1" }, stepOf(range(0, 30_000)));
  kept.wrote({ projectKey: "2", version: "1" }, stepOf(range(30_000, 40_000)));
  expect(await asked("1", "2", range(0, 30_000))).toBe(0);
  kept.wrote({ projectKey: "2", version: "2" }, stepOf([40_000]));
  expect(await asked("1", "2", range(0, 30_000))).toBe(30_000);
  kept.wrote({ projectKey: "2", version: "3" }, stepOf(range(50_000, 80_000)));
  expect(await asked("2", "4", range(30_000, 30_001))).toBe(1);
  expect(await asked("2", "4", range(30_001, 40_001))).toBe(0);
});
