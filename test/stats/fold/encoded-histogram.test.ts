import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addToEncoded, moveOf, p95Of } from "../../../src/stats/fold/encoded-histogram.js";
import {
  encodeHistogram,
  type Histogram,
  mergeInto,
  quantile,
} from "../../../src/stats/histogram.js";

describe("histograms in bytes", () => {
  const histogram = fc
    .array(fc.tuple(fc.nat(786), fc.integer({ min: -300, max: 300 })), { maxLength: 30 })
    .map((entries): Histogram => new Map(entries.filter(([, count]) => count !== 0)));

  it("gain what is added to them, byte for byte as if they were made of both", () => {
    fc.assert(
      fc.property(histogram, histogram, (stored, moved) => {
        const both = new Map(stored);
        mergeInto(both, moved);
        const added = addToEncoded(encodeHistogram(stored), moveOf(moved));
        expect(Buffer.from(added).toString("hex")).toBe(
          Buffer.from(encodeHistogram(both)).toString("hex"),
        );
      }),
    );
  });

  it("have the 95th percentile of their durations", () => {
    fc.assert(
      fc.property(histogram, (any) => {
        expect(p95Of(encodeHistogram(any))).toBe(quantile(any, 0.95) ?? 0);
      }),
    );
  });
});
