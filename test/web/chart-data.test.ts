/** What charts draw and say. */
import { describe, expect, it } from "vitest";
import { formatDuration } from "../../src/web/format/times.js";
import {
  countSteps,
  drawingOrder,
  durationSteps,
  markText,
  shownPoints,
  timeBounds,
  timeSteps,
  timeText,
} from "../../src/web/ui/chart-data.js";
import type { ChartSeries } from "../../src/web/ui/chart-props.js";

const DAY_S = 86_400;

describe("drawingOrder", () => {
  it("draws the highest sums first, so that each series shows what it adds", () => {
    const drawn = drawingOrder([bars([1, 0, 2]), bars([2, 3, null]), bars([0, 1, 1])]);
    expect(drawn.map(({ values }) => values)).toEqual([
      [3, 4, 1],
      [3, 3, null],
      [1, 0, 2],
    ]);
  });
});

describe("shownPoints", () => {
  it("shows what stands out, and a point that no line would show", () => {
    expect(shownPoints({ ...line([1, 2, 3]), marked: new Set([2]) })).toEqual([2]);
    expect(shownPoints(line([1, 2, null]))).toEqual([]);
    expect(shownPoints(line([null, 5, null]))).toEqual([1]);
    expect(shownPoints(bars([5]))).toEqual([]);
  });
});

describe("timeBounds", () => {
  const days = (...at: number[]) => at.map((day) => day * DAY_S * 1000);

  it("leaves bars half a step on either side, also where days are missing", () => {
    const shown = timeBounds({ times: days(1, 4, 5), series: [bars([1, 1, 1])], unit: "day" });
    expect(shown).toEqual([0.5 * DAY_S, 5.5 * DAY_S]);
  });

  it("gives a single point room, and lines none", () => {
    expect(timeBounds({ times: days(3), series: [line([1])], unit: "day" })).toEqual([
      2.5 * DAY_S,
      3.5 * DAY_S,
    ]);
    expect(timeBounds({ times: days(3, 4), series: [line([1, 2])], unit: "day" })).toEqual([
      3 * DAY_S,
      4 * DAY_S,
    ]);
  });
});

describe("durationSteps", () => {
  it("are round as durations are read", () => {
    const steps = durationSteps().map(formatDuration);
    expect(steps).toEqual(expect.arrayContaining(["500 ms", "15.0 s", "30 m", "6 h", "20 d"]));
    expect(steps.filter((text) => / \d+ [hms]$/.test(text))).toEqual([]);
  });
});

describe("countSteps", () => {
  it("are whole, up to as many as a count can be", () => {
    expect(countSteps().slice(0, 5)).toEqual([1, 2, 5, 10, 20]);
    expect(countSteps().at(-1)).toBe(5e14);
  });
});

describe("times of charts", () => {
  it("are told by what they stand for, days and hours in UTC", () => {
    const ms = Date.UTC(2026, 10, 21, 14);
    expect(timeText(ms, "day")).toBe("21 Nov");
    expect(timeText(ms, "hour")).toBe("21 Nov, 14:00");
    expect(timeText(ms, undefined)).toContain("2026");
  });

  it("have marks at whole days or hours", () => {
    expect(timeSteps("day").every((step) => step % DAY_S === 0)).toBe(true);
    expect(timeSteps("hour")[0]).toBe(3600);
    expect(timeSteps("hour").at(-1)).toBe(timeSteps("day").at(-1));
  });

  it("have marks that name the hour, and the day where it begins", () => {
    const at = (hour: number) => Date.UTC(2026, 10, 21, hour);
    expect([22, 23, 24, 25].map((hour) => markText(at(hour), "hour"))).toEqual([
      "22:00",
      "23:00",
      "22 Nov",
      "01:00",
    ]);
    expect(markText(at(14), "day")).toBe("21 Nov");
  });
});

function line(values: ChartSeries["values"]): ChartSeries {
  return { label: "line", color: "--accent", kind: "line", values };
}

function bars(values: ChartSeries["values"]): ChartSeries {
  return { label: "bars", color: "--accent", kind: "bars", values };
}
