import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StatusCounts, TestDayState, TestWindowsState } from "../../../src/db/fold-rows.js";
import { foldTest } from "../../../src/stats/fold/fold-test.js";
import { gatherSlice, nothingGathered } from "../../../src/stats/fold/gather.js";
import type { FoldSlice, SliceRun } from "../../../src/stats/fold/slice.js";
import {
  decodeHistogram,
  type Histogram,
  mergeInto,
  quantile,
} from "../../../src/stats/histogram.js";
import { WINDOW_DAYS, windowStart } from "../../../src/stats/windows.js";

const DAY_US = 24 * 3_600_000_000;
const TODAY = 20_000;

/** One test, as its rows are stored. */
interface Stored {
  days: Map<number, TestDayState & { counts: number[]; flaky: number; durationUs: bigint }>;
  windows: (TestWindowsState & { sums: { counts: number[]; durationUs: bigint }[] }) | undefined;
}

/** Folds slices of one test, as the statement adds them up. */
function fold({ days, windows }: Stored, slices: readonly FoldSlice[]): Stored {
  const gathered = nothingGathered();
  for (const slice of slices) gatherSlice(gathered, slice);
  const moves = gathered.tests.get(7);
  if (moves === undefined) return { days, windows };
  const folded = foldTest(moves, {
    today: TODAY,
    windows,
    days: moves.days.map(({ day }) => days.get(day)),
    countedUsOf: (runKey) => RUNS.find((run) => run.runKey === runKey)?.countedUs ?? 0,
    others: [],
  });
  const plus = (counts: readonly number[] | undefined, more: StatusCounts) =>
    more.map((count, i) => count + (counts?.[i] ?? 0));
  const made = new Map(days);
  for (const day of folded.days) {
    const before = days.get(day.day);
    made.set(day.day, {
      ...day,
      counts: plus(before?.counts, day.counts),
      flaky: 0,
      durationUs: (before?.durationUs ?? 0n) + BigInt(day.durationUs),
    });
  }
  const sums = folded.windows.sums.map(({ counts, durationUs }, w) => ({
    counts: plus(windows?.sums[w]?.counts, counts),
    durationUs: (windows?.sums[w]?.durationUs ?? 0n) + BigInt(durationUs),
  }));
  return { days: made, windows: { ...folded.windows, sums } };
}

const DAYS_AGO = [0, 0, 0, 1, 6, 7, 29, 30, 89, 90, 200];
const RUNS: readonly SliceRun[] = Array.from({ length: 16 }, (_, i) => ({
  runKey: String(95 + i),
  countedUs: (TODAY - (DAYS_AGO[(i * 5) % 11] ?? 0)) * DAY_US + (i % 3),
  branch: "",
}));

describe("folding a test", () => {
  const NOTHING: Stored = { days: new Map(), windows: undefined };
  const result = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: -1, max: 3_000_000 }));
  const slice = fc
    .tuple(fc.constantFrom(...RUNS), fc.array(result, { minLength: 1, maxLength: 6 }))
    .map(
      ([run, results]): FoldSlice => ({
        run,
        weight: 1,
        ledger: null,
        testKeys: results.map(() => 7),
        statuses: results.map(([status]) => status),
        durations: results.map(([, durationUs]) => durationUs),
      }),
    );
  const slices = fc.array(slice, { maxLength: 12 });
  const plain = ({ days, windows }: Stored) => ({
    days: [...days]
      .sort(([a], [b]) => a - b)
      .map(([, day]) => ({ ...day, durations: hex(day.durations) })),
    windows: windows && {
      ...windows,
      durations: windows.durations.map(hex),
      recent: hex(windows.recent),
    },
  });
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

  it("gives the same at once, one after the other, and in any order", () => {
    fc.assert(
      fc.property(slices, slices, (a, b) => {
        const atOnce = plain(fold(NOTHING, [...a, ...b]));
        expect(plain(fold(fold(NOTHING, a), b))).toEqual(atOnce);
        expect(plain(fold(fold(NOTHING, b), a))).toEqual(atOnce);
        expect(
          plain([...a, ...b].reduceRight((done, each) => fold(done, [each]), NOTHING)),
        ).toEqual(atOnce);
      }),
    );
  });

  it("counts in a window what its days count", () => {
    fc.assert(
      fc.property(slices, (some) => {
        const { days, windows } = fold(NOTHING, some);
        WINDOW_DAYS.forEach((window, w) => {
          const inWindow = [...days.values()].filter(
            (_, i) => ([...days.keys()][i] ?? 0) >= windowStart(TODAY, window),
          );
          const counts = [0, 1, 2, 3, 4].map((i) =>
            inWindow.reduce((sum, day) => sum + (day.counts[i] ?? 0), 0),
          );
          expect(windows?.sums[w]?.counts ?? [0, 0, 0, 0, 0]).toEqual(counts);
          const histogram: Histogram = new Map();
          for (const { durations } of inWindow) mergeInto(histogram, decodeHistogram(durations));
          expect(windows?.p95Us[w] ?? 0).toBe(quantile(histogram, 0.95) ?? 0);
        });
      }),
    );
  });

  it("leaves nothing counted when all is taken away again", () => {
    fc.assert(
      fc.property(slices, (some) => {
        const gone = some.map((each): FoldSlice => ({ ...each, weight: -1 }));
        const { days, windows } = fold(fold(NOTHING, some), gone);
        for (const day of days.values()) {
          expect({ ...day, durations: hex(day.durations) }).toMatchObject({
            counts: [0, 0, 0, 0, 0],
            durationUs: 0n,
            durations: "",
            runKeys: "",
          });
        }
        expect(windows?.durations.map(hex) ?? ["", "", ""]).toEqual(["", "", ""]);
        expect(hex(windows?.recent ?? new Uint8Array())).toBe("");
      }),
    );
  });
});
