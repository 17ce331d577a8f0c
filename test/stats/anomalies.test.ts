import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ANOMALY_VERSION, markAnomalies } from "../../src/stats/anomalies.js";

it("has the version of these answers", () => {
  expect(ANOMALY_VERSION).toBe(1);
});

describe("a point of a series", () => {
  it("is marked beyond five median deviations, on either side", () => {
    // Median 10, MAD 1.
    const calm = [8, 9, 9, 10, 10, 10, 11, 11, 12];
    expect(marked([...calm, 15, 5])).toEqual([]);
    expect(marked([...calm, 15.01, 4.99])).toEqual([15.01, 4.99]);
  });

  it("is marked beyond 5 % of the median where nothing else varies", () => {
    const calm = Array.from({ length: 8 }, () => 200);
    expect(marked([...calm, 210, 190])).toEqual([]);
    expect(marked([...calm, 210.1, 189.9])).toEqual([210.1, 189.9]);
    expect(marked([...calm.map((value) => -value), -210, -210.1])).toEqual([-210.1]);
  });

  it("is marked if all others are 0", () => {
    const calm = Array.from({ length: 8 }, () => 0);
    expect(marked([...calm, 1])).toEqual([1]);
    expect(marked([...calm, 0])).toEqual([]);
    expect(marked([...calm, 5, 6], { floor: 1 })).toEqual([6]);
  });

  it("is marked among eight points, not among seven", () => {
    expect(marked([1, 1, 1, 1, 1, 1, 9])).toEqual([]);
    expect(marked([1, 1, 1, null, 1, 1, 1, 9, null])).toEqual([]);
    expect(marked([1, 1, 1, null, 1, 1, 1, 1, 9])).toEqual([9]);
  });

  it("is told by the mean of the middle two where their number is even", () => {
    // Median 15, MAD 5: up to 40.
    const calm = [10, 10, 10, 10, 20, 20, 20];
    expect(marked([...calm, 40])).toEqual([]);
    expect(marked([...calm, 41])).toEqual([41]);
  });

  it("is none where nothing was measured", () => {
    expect(markAnomalies([])).toEqual([]);
    expect(markAnomalies([null, 1, 1, 1, 1, 1, 1, 1, 9])[0]).toBe(false);
  });

  it("needs more deviations if k is larger", () => {
    expect(marked([8, 9, 9, 10, 10, 10, 11, 11, 12, 16], { k: 6 })).toEqual([]);
    expect(marked([8, 9, 9, 10, 10, 10, 11, 11, 12, 17], { k: 6 })).toEqual([17]);
  });

  it("is marked or not whatever the order, the sign and the unit", () => {
    const anySeries = fc.array(fc.option(fc.integer({ min: -1000, max: 1000 })), { maxLength: 40 });
    fc.assert(
      fc.property(anySeries, (values) => {
        const marks = markAnomalies(values);
        expect(markAnomalies(values.toReversed())).toEqual(marks.toReversed());
        const scaled = values.map((value) => (value === null ? null : value * -1024));
        expect(markAnomalies(scaled)).toEqual(marks);
        expect(marks.filter(Boolean).length).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

function marked(...[values, options]: Parameters<typeof markAnomalies>): (number | null)[] {
  const marks = markAnomalies(values, options);
  return values.filter((_, i) => marks[i]);
}
