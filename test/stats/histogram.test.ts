import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/limits.js";
import {
  addDuration,
  addEncoded,
  bucketOf,
  decodeHistogram,
  encodeHistogram,
  type Histogram,
  mergeInto,
  quantile,
  quantiles,
} from "../../src/stats/histogram.js";

const MAX_US = limits.durationSeconds * 1_000_000;
/** Of every magnitude alike, and those that tests have. */
const anyDuration = fc.oneof(
  fc.nat(3000),
  fc.double({ min: 0, max: Math.log(MAX_US), noNaN: true }).map((log) => Math.floor(Math.exp(log))),
  fc.integer({ min: 0, max: MAX_US }),
);
const anyDurations = fc.array(anyDuration, { maxLength: 60 });
/** As if some had been subtracted before they were added. */
const anyHistogram = fc
  .tuple(anyDurations, fc.array(anyDuration, { maxLength: 10 }))
  .map(([came, gone]) => {
    const histogram = histogramOf(came);
    mergeInto(histogram, histogramOf(gone), -1);
    return histogram;
  });

describe("a bucket", () => {
  it("of a short duration is its own", () => {
    expect(range(0, 48).map(bucketOf)).toEqual(range(0, 48));
    expect([49, 50, 51, 53, 54].map(bucketOf)).toEqual([49, 49, 50, 50, 51]);
  });

  it("of these durations stays the same, since it is stored", () => {
    const durations = [100, 1_000, 15_000, 1_000_000, 60_000_000, 86_400_000_000, MAX_US];
    expect(durations.map(bucketOf)).toEqual([66, 123, 191, 296, 398, 580, 785]);
  });

  it("begins where the one before ends, over the whole range", () => {
    let lowest = 0;
    for (let bucket = 0; lowest <= MAX_US; bucket++) {
      expect(bucketOf(lowest)).toBe(bucket);
      // Doubling, then bisecting, without a look at the bounds.
      let inside = lowest;
      let outside = Math.min(MAX_US + 1, lowest + 1);
      while (outside <= MAX_US && bucketOf(outside) === bucket) outside += outside - lowest;
      outside = Math.min(outside, MAX_US + 1);
      while (outside - inside > 1) {
        const middle = inside + Math.floor((outside - inside) / 2);
        if (bucketOf(middle) === bucket) inside = middle;
        else outside = middle;
      }
      for (const us of [lowest, inside]) expect(isClose(estimate(us), us)).toBe(true);
      lowest = outside;
    }
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, MAX_US + 1])("is none for %d", (us) => {
    expect(() => bucketOf(us)).toThrow(RangeError);
  });
});

describe("a quantile", () => {
  it("is within 2 % of the exact one by nearest rank", () => {
    fc.assert(
      fc.property(fc.array(anyDuration, { minLength: 1, maxLength: 200 }), (durations) => {
        const sorted = durations.toSorted((a, b) => a - b);
        const percents = [1, 7, 50, 90, 95, 99, 100];
        const found = quantiles(
          histogramOf(durations),
          percents.map((percent) => percent / 100),
        );
        const exact = percents.map((percent) => sorted[ceilDiv(percent * sorted.length, 100) - 1]);
        for (const [i, us] of exact.entries()) {
          expect(isClose(found[i] ?? Number.NaN, us ?? Number.NaN)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("has the rank that whole numbers give, not one more by a rounding error", () => {
    for (let total = 1; total <= 1000; total++) {
      for (const percent of [7, 14, 28, 55, 95]) {
        const rank = ceilDiv(percent * total, 100);
        const upToRank: Histogram = new Map([[1, rank]]);
        addDuration(upToRank, 2, total - rank);
        expect(quantile(upToRank, percent / 100)).toBe(1);
        const fromRank: Histogram = new Map([[2, total - rank + 1]]);
        addDuration(fromRank, 1, rank - 1);
        expect(quantile(fromRank, percent / 100)).toBe(2);
      }
    }
  });

  it("is at least the shortest and at most the longest", () => {
    const histogram = histogramOf([3, 4, 5]);
    expect(quantiles(histogram, [1e-9, 1 / 3, 0.5, 1])).toEqual([3, 3, 4, 5]);
  });

  it("is null where nothing is counted", () => {
    expect(quantile(new Map(), 0.5)).toBeNull();
    expect(quantiles(new Map([[7, -2]]), [0.5, 0.9])).toEqual([null, null]);
  });

  it("passes over what is subtracted but not yet added", () => {
    expect(
      quantiles(
        new Map([
          [3, -5],
          [7, 1],
        ]),
        [0.5, 1],
      ),
    ).toEqual([7, 7]);
  });
});

describe("a histogram", () => {
  it("is the same whichever way it is put together", () => {
    fc.assert(
      fc.property(anyHistogram, anyHistogram, anyHistogram, (a, b, c) => {
        expect(sum(a, b)).toEqual(sum(b, a));
        expect(sum(sum(a, b), c)).toEqual(sum(a, sum(b, c)));
        const there = sum(a, b);
        mergeInto(there, b, -1);
        expect(there).toEqual(a);
      }),
    );
  });

  it("is that of all durations of its parts", () => {
    fc.assert(
      fc.property(anyDurations, anyDurations, (some, others) => {
        expect(sum(histogramOf(some), histogramOf(others))).toEqual(
          histogramOf([...some, ...others]),
        );
      }),
    );
  });

  it("adds a duration many times, and takes it away without a trace", () => {
    const histogram: Histogram = new Map();
    addDuration(histogram, 5, 1000);
    expect(histogram).toEqual(new Map([[5, 1000]]));
    addDuration(histogram, 5, -1000);
    expect(histogram).toEqual(new Map());
  });
});

describe("a histogram in bytes", () => {
  it("is as stated, since it is stored", () => {
    const histogram: Histogram = new Map([
      [300, 64],
      [0, 1],
      [3, -1],
      [2, 300],
    ]);
    // +0: 1, +2: 300, +1: -1, +297: 64.
    expect([...encodeHistogram(histogram)]).toEqual([0, 2, 2, 0xd8, 4, 1, 1, 0xa9, 2, 0x80, 1]);
    expect(encodeHistogram(new Map())).toHaveLength(0);
  });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(anyHistogram, (histogram) => {
        expect(decodeHistogram(encodeHistogram(histogram))).toEqual(histogram);
      }),
    );
  });

  it("has the same bytes in whatever order it was made", () => {
    fc.assert(
      fc.property(anyHistogram, anyHistogram, (a, b) => {
        expect(encodeHistogram(sum(a, b))).toEqual(encodeHistogram(sum(b, a)));
        const reversed = new Map([...a].reverse());
        expect(encodeHistogram(reversed)).toEqual(encodeHistogram(a));
      }),
    );
  });

  it("is added and subtracted as it stands", () => {
    fc.assert(
      fc.property(anyHistogram, anyHistogram, fc.constantFrom<1 | -1>(1, -1), (a, b, sign) => {
        const added = new Map(a);
        addEncoded(added, encodeHistogram(b), sign);
        const merged = new Map(a);
        mergeInto(merged, b, sign);
        expect(added).toEqual(merged);
      }),
    );
  });

  it("keeps the counts of years", () => {
    const histogram: Histogram = new Map([
      [100, 2 ** 40],
      [101, -(2 ** 40)],
    ]);
    expect(decodeHistogram(encodeHistogram(histogram))).toEqual(histogram);
  });

  it.each([[[5]], [[5, 0x80]], [[0x92, 6, 2]]])("is not %j", (bytes) => {
    expect(() => decodeHistogram(Uint8Array.from(bytes))).toThrow(RangeError);
  });
});

function histogramOf(durations: readonly number[]): Histogram {
  const histogram: Histogram = new Map();
  for (const us of durations) addDuration(histogram, us);
  return histogram;
}

function sum(a: Histogram, b: Histogram): Histogram {
  const both = new Map(a);
  mergeInto(both, b);
  return both;
}

function estimate(us: number): number {
  return quantile(histogramOf([us]), 1) ?? Number.NaN;
}

/** Within 2 %, in whole numbers. */
function isClose(estimated: number, exact: number): boolean {
  return Number.isInteger(estimated) && Math.abs(estimated - exact) * 50 <= exact;
}

function ceilDiv(value: number, by: number): number {
  return (value + by - 1 - ((value + by - 1) % by)) / by;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
