import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeRecentRuns,
  encodeRecentRuns,
  mergeRecentRuns,
  RECENT_RUNS,
  type RecentRun,
} from "../../src/stats/recent-runs.js";

/** Few moments, so that many runs share one. */
const anyMoment = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 7_258_118_400_000_000 }));
const anyKey = fc.oneof(
  fc.nat(20).map(String),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.constantFrom(
    "999999999999999",
    "1000000000000000",
    "9999999999999999",
    "-1",
    "9223372036854775807",
  ),
);
/** When each run counts: a run has one moment, wherever it is named. */
const anyMoments = fc.dictionary(anyKey, anyMoment, {
  minKeys: 1,
  maxKeys: 25,
  noNullPrototype: true,
});

/** Three lists that name the same runs, with what each saw of them. */
const anyLists = anyMoments.chain((moments) => {
  const anyRun = fc
    .tuple(fc.constantFrom(...Object.entries(moments)), fc.integer({ min: 1, max: 3 }))
    .map(([[runKey, countedUs], seen]) => run(countedUs, runKey, seen));
  const anyList = fc.array(anyRun, { maxLength: 25 });
  return fc.tuple(anyList, anyList, anyList);
});

describe("recent runs", () => {
  it("are the newest ten, newest first, by key where they count at the same moment", () => {
    const runs = Array.from({ length: 9 }, (_, i) => run(100 + i, String(i), 1));
    const tied = ["9", "10", "-1"].map((key) => run(103, key, 1));
    const merged = mergeRecentRuns(runs, tied);
    expect(merged.map(({ runKey }) => runKey)).toEqual([
      "8",
      "7",
      "6",
      "5",
      "4",
      "10",
      "9",
      "3",
      "-1",
      "2",
    ]);
    expect(merged).toHaveLength(RECENT_RUNS);
  });

  it("passed and failed if both were seen", () => {
    expect(mergeRecentRuns([run(5, "1", 1)], [run(5, "1", 2), run(4, "2", 2)])).toEqual([
      run(5, "1", 3),
      run(4, "2", 2),
    ]);
  });

  it("are the same in whatever order and how often they are merged", () => {
    fc.assert(
      fc.property(anyLists, ([a, b, c]) => {
        const all = mergeRecentRuns(mergeRecentRuns(a, b), c);
        expect(mergeRecentRuns(a, mergeRecentRuns(b, c))).toEqual(all);
        expect(mergeRecentRuns(mergeRecentRuns(c, b), a)).toEqual(all);
        expect(mergeRecentRuns(all, all)).toEqual(all);
        expect(mergeRecentRuns(b.toReversed(), all)).toEqual(all);
      }),
      { numRuns: 500 },
    );
  });

  it("are what a list of all runs says", () => {
    fc.assert(
      fc.property(anyLists, ([a, b]) => {
        const keys = [...new Set([...a, ...b].map(({ runKey }) => runKey))];
        const expected = keys
          .map((key) => {
            const same = [...a, ...b].filter(({ runKey }) => runKey === key);
            const passed = same.some((each) => each.passed);
            const failed = same.some((each) => each.failed);
            return { countedUs: same[0]?.countedUs ?? 0, runKey: key, passed, failed };
          })
          .sort(
            (x, y) => y.countedUs - x.countedUs || (BigInt(x.runKey) < BigInt(y.runKey) ? 1 : -1),
          )
          .slice(0, 10);
        expect(mergeRecentRuns(a, b)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe("recent runs in bytes", () => {
  it("are as stated, since they are stored", () => {
    const runs = [run(1000, "-1", 3), run(1000, "300", 1), run(2, "7", 2)];
    const long = [255, 255, 255, 255, 255, 255, 255, 255];
    expect([...encodeRecentRuns(runs)]).toEqual([0xe8, 7, 7, ...long, 0, 0xe1, 18, 0xe6, 7, 58]);
    expect(encodeRecentRuns([])).toHaveLength(0);
  });

  it("are read as they were written", () => {
    fc.assert(
      fc.property(anyLists, ([a, b]) => {
        const runs = mergeRecentRuns(a, b);
        const bytes = encodeRecentRuns(runs);
        expect(decodeRecentRuns(bytes)).toEqual(runs);
        // Also in the middle of a larger buffer, as the driver has them.
        const larger = Buffer.concat([Buffer.from([1, 2, 3]), bytes]);
        expect(decodeRecentRuns(larger.subarray(3))).toEqual(runs);
      }),
    );
  });

  it("are never written in another order", () => {
    expect(() => encodeRecentRuns([run(1, "1", 1), run(2, "2", 1)])).toThrow(RangeError);
  });

  it.each([[[0x80]], [[5]], [[5, 4, 0, 0, 0]]])("are not %j", (bytes) => {
    expect(() => decodeRecentRuns(Uint8Array.from(bytes))).toThrow(RangeError);
  });
});

/** `seen`: 1 that it passed, 2 that it failed, 3 both. */
function run(countedUs: number, runKey: string, seen: number): RecentRun {
  return { countedUs, runKey, passed: (seen & 1) !== 0, failed: (seen & 2) !== 0 };
}
