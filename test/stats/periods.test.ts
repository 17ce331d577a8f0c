import { describe, expect, it } from "vitest";
import {
  hoursAndDays,
  periodStarts,
  roundDown,
  roundUp,
  type Window,
} from "../../src/stats/periods.js";

const us = (time: string) => Date.parse(`${time}Z`) * 1000;
const window = (start: string, end: string): Window => ({ startUs: us(start), endUs: us(end) });

describe("a time", () => {
  it.each([
    ["hour", "2025-11-12T10:00", "2025-11-12T11:00"],
    ["day", "2025-11-12T00:00", "2025-11-13T00:00"],
    // A Wednesday.
    ["week", "2025-11-10T00:00", "2025-11-17T00:00"],
  ] as const)("lies in its %s", (unit, start, end) => {
    const time = us("2025-11-12T10:30");
    expect([roundDown(unit, time), roundUp(unit, time)]).toEqual([us(start), us(end)]);
    expect([roundDown(unit, us(start)), roundUp(unit, us(start))]).toEqual([us(start), us(start)]);
    expect(roundDown(unit, us(start) - 1)).toBeLessThan(us(start));
  });

  it("in the first week lies after a Monday before the epoch", () => {
    expect(roundDown("week", 0)).toBe(us("1969-12-29T00:00"));
  });
});

describe("a window", () => {
  it("has the starts of its periods", () => {
    expect(periodStarts("week", window("2025-11-03T00:00", "2025-11-17T00:00"))).toEqual([
      us("2025-11-03T00:00"),
      us("2025-11-10T00:00"),
    ]);
    expect(periodStarts("hour", window("2025-11-03T00:00", "2025-11-03T00:00"))).toEqual([]);
  });

  it.each<[string, Window, [string, string, string][]]>([
    [
      "whole days",
      window("2025-11-03T00:00", "2025-11-05T00:00"),
      [["day", "2025-11-03T00:00", "2025-11-05T00:00"]],
    ],
    [
      "hours at both edges",
      window("2025-11-03T22:00", "2025-11-05T01:00"),
      [
        ["hour", "2025-11-03T22:00", "2025-11-04T00:00"],
        ["day", "2025-11-04T00:00", "2025-11-05T00:00"],
        ["hour", "2025-11-05T00:00", "2025-11-05T01:00"],
      ],
    ],
    [
      "hours about a midnight",
      window("2025-11-03T22:00", "2025-11-04T02:00"),
      [
        ["hour", "2025-11-03T22:00", "2025-11-04T00:00"],
        ["hour", "2025-11-04T00:00", "2025-11-04T02:00"],
      ],
    ],
    [
      "hours of one day",
      window("2025-11-03T02:00", "2025-11-03T05:00"),
      [["hour", "2025-11-03T02:00", "2025-11-03T05:00"]],
    ],
  ])("is made of %s", (_, asked, ranges) => {
    expect(hoursAndDays(asked)).toEqual(
      ranges.map(([unit, start, end]) => ({ unit, ...window(start, end) })),
    );
  });
});
