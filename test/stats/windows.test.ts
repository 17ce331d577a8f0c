import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  dayOf,
  dayText,
  leavingDays,
  parseDay,
  WINDOW_DAYS,
  windowStart,
} from "../../src/stats/windows.js";

/** 1970 to 2199. */
const anyDay = fc.integer({ min: 0, max: 84_005 });

describe("a UTC day", () => {
  it("is counted from the epoch and ends before midnight", () => {
    expect(dayOf(0)).toBe(0);
    expect(dayOf(86_399_999_999)).toBe(0);
    expect(dayOf(86_400_000_000)).toBe(1);
    expect(dayOf(-1)).toBe(-1);
    expect(dayText(dayOf(Date.UTC(2024, 1, 29, 23, 59) * 1000))).toBe("2024-02-29");
  });

  it("is read as it is written", () => {
    fc.assert(
      fc.property(anyDay, (day) => {
        expect(parseDay(dayText(day))).toBe(day);
      }),
    );
  });

  it.each([
    "2023-02-29",
    "2024-04-31",
    "2024-13-01",
    "2024-1-1",
    "20240101",
    "2024-01-01T00:00",
    "",
  ])("is not %j", (text) => {
    expect(parseDay(text)).toBeNaN();
  });
});

describe("a window", () => {
  it("of one day is today", () => {
    expect(windowStart(100, 1)).toBe(100);
    expect(windowStart(100, 30)).toBe(71);
  });

  it("loses its days up to the new one's start, each once", () => {
    expect(leavingDays(100, 101, 7)).toEqual([94, 94]);
    expect(leavingDays(100, 103, 7)).toEqual([94, 96]);
    // Nothing of the old window is in the new one.
    expect(leavingDays(100, 200, 7)).toEqual([94, 100]);
    expect(leavingDays(100, 101, 1)).toEqual([100, 100]);
  });

  it("is what it was without the days that left it and with those that came", () => {
    fc.assert(
      fc.property(
        anyDay,
        fc.integer({ min: -3, max: 200 }),
        fc.constantFrom(...WINDOW_DAYS),
        (from, step, days) => {
          const to = from + Math.max(0, step);
          const [first, last] = leavingDays(from, to, days);
          const left = daysOf(windowStart(from, days), from).filter(
            (day) => day < first || day > last,
          );
          const came = daysOf(Math.max(from + 1, windowStart(to, days)), to);
          expect([...left, ...came]).toEqual(daysOf(windowStart(to, days), to));
          const [none, noneLast] = leavingDays(from, from - 1, days);
          expect(noneLast).toBeLessThan(none);
        },
      ),
    );
  });
});

function daysOf(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}
