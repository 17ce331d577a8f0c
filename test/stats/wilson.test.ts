import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wilsonInterval } from "../../src/stats/wilson.js";

describe("the interval of a share", () => {
  it.each([
    // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("of %d among %d is as published", (successes, trials, lower, upper) => {
    const interval = wilsonInterval(successes, trials);
    expect(interval.value).toBe(successes / trials);
    expect(interval.lower).toBeCloseTo(lower, 4);
    expect(interval.upper).toBeCloseTo(upper, 4);
  });

  it("is everything where nothing was counted", () => {
    expect(wilsonInterval(0, 0)).toEqual({ value: 0, lower: 0, upper: 1 });
  });

  it("holds the share, within 0 to 1, mirrored for failures, and narrows with more of the same", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), (successes, failures) => {
        fc.pre(successes + failures > 0);
        const trials = successes + failures;
        const { value, lower, upper } = wilsonInterval(successes, trials);
        expect(lower).toBeGreaterThanOrEqual(0);
        expect(lower).toBeLessThanOrEqual(value);
        expect(upper).toBeGreaterThanOrEqual(value);
        expect(upper).toBeLessThanOrEqual(1);
        const mirrored = wilsonInterval(failures, trials);
        expect(mirrored.lower).toBeCloseTo(1 - upper, 12);
        expect(mirrored.upper).toBeCloseTo(1 - lower, 12);
        const more = wilsonInterval(successes * 4, trials * 4);
        expect(more.upper - more.lower).toBeLessThan(upper - lower);
      }),
    );
  });
});
