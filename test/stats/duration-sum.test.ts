import fc from "fast-check";
import { expect, it } from "vitest";
import { DurationSum, ranksOf } from "../../src/stats/duration-sum.js";
import {
  addDuration,
  encodeHistogram,
  type Histogram,
  mergeInto,
  quantiles,
} from "../../src/stats/histogram.js";

/** A count is below 0 where more has gone than came so far. */
const anyHistogram = fc
  .array(fc.tuple(fc.nat(10_000_000), fc.integer({ min: -3, max: 40 })), { maxLength: 30 })
  .map((durations) => {
    const histogram: Histogram = new Map();
    for (const [us, count] of durations) addDuration(histogram, us, count);
    return histogram;
  });

function expectedRanks(histogram: Histogram) {
  const [p50, p95, p99] = quantiles(histogram, [0.5, 0.95, 0.99]);
  const count = [...histogram.values()].reduce((sum, each) => sum + Math.max(0, each), 0);
  return { count, p50, p95, p99 };
}

it("has the ranks of all histograms together", () => {
  fc.assert(
    fc.property(fc.array(anyHistogram, { maxLength: 4 }), (histograms) => {
      const all: Histogram = new Map();
      const sum = new DurationSum();
      for (const each of histograms) {
        mergeInto(all, each);
        sum.add(encodeHistogram(each));
      }
      expect(sum.ranks()).toEqual(expectedRanks(all));
    }),
  );
});

it("has the ranks of one, whatever was read before", () => {
  fc.assert(
    fc.property(anyHistogram, anyHistogram, (before, histogram) => {
      ranksOf(encodeHistogram(before));
      expect(ranksOf(encodeHistogram(histogram))).toEqual(expectedRanks(histogram));
    }),
  );
});

it("has none of nothing", () => {
  expect(new DurationSum().ranks()).toEqual({ count: 0, p50: null, p95: null, p99: null });
});

it("refuses bytes that are no histogram", () => {
  expect(() => ranksOf(Uint8Array.of(0x80))).toThrow(RangeError);
  expect(() => ranksOf(Uint8Array.of(0xff, 0x7f, 2))).toThrow("there is no bucket");
});
