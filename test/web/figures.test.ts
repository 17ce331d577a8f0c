/** What the dashboard makes of figures: their windows and changes. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RateSchema } from "../../gen/tally/v1/stats_pb.js";
import { wilsonInterval } from "../../src/stats/wilson.js";
import { rateChange, sizeChange } from "../../src/web/format/changes.js";
import { rollingStart, statsWindow } from "../../src/web/format/stats-window.js";
import { formatDuration } from "../../src/web/format/times.js";

const HOUR_MS = 3_600_000;

describe("statsWindow", () => {
  const now = Date.UTC(2026, 10, 21, 14, 20);

  it("begins at midnight UTC, with today among its days", () => {
    expect(statsWindow(1, now).startMs).toBe(Date.UTC(2026, 10, 21));
    expect(statsWindow(30, now).startMs).toBe(Date.UTC(2026, 9, 23));
  });

  it("is compared with the same part of as many days before", () => {
    const { startMs, beforeStartMs, beforeEndMs } = statsWindow(7, now);
    expect(new Date(beforeStartMs)).toEqual(new Date(Date.UTC(2026, 10, 8)));
    expect(new Date(beforeEndMs)).toEqual(new Date(Date.UTC(2026, 10, 14, 15)));
    expect(beforeEndMs).toBeLessThanOrEqual(startMs);
  });

  it("stays the same question for an hour", () => {
    const hour = Math.floor(now / HOUR_MS) * HOUR_MS;
    expect(statsWindow(7, hour + 1)).toEqual(statsWindow(7, hour + HOUR_MS));
    expect(statsWindow(7, hour + HOUR_MS + 1)).not.toEqual(statsWindow(7, hour + HOUR_MS));
  });
});

describe("rollingStart", () => {
  const now = Date.UTC(2026, 10, 21, 14, 20);

  it("moves on with the time, in steps of five minutes", () => {
    expect(rollingStart(1, now)).toBe(Date.UTC(2026, 10, 20, 14, 20));
    expect(rollingStart(7, now + 299_999)).toBe(Date.UTC(2026, 10, 14, 14, 20));
    expect(rollingStart(7, now + 300_000)).toBe(Date.UTC(2026, 10, 14, 14, 25));
  });
});

describe("rateChange", () => {
  it("calls a change better or worse only if the intervals do not meet", () => {
    expect(rateChange(rate(990, 1000), rate(900, 1000))).toEqual({
      text: "+9.0 points",
      tone: "better",
    });
    expect(rateChange(rate(900, 1000), rate(990, 1000))?.tone).toBe("worse");
    expect(rateChange(rate(9, 10), rate(10, 10))).toEqual({ text: "−10.0 points", tone: "even" });
    expect(rateChange(rate(10, 10), rate(9, 10))?.tone).toBe("even");
    expect(rateChange(rate(9, 10), rate(9, 10))?.text).toBe("±0.0 points");
  });

  it("says nothing where one of the two counted nothing", () => {
    expect(rateChange(rate(0, 0), rate(9, 10))).toBeUndefined();
    expect(rateChange(rate(9, 10), rate(0, 0))).toBeUndefined();
    expect(rateChange(rate(9, 10), undefined)).toBeUndefined();
  });
});

describe("sizeChange", () => {
  it("tells how much more or less it is, if there was something", () => {
    expect(sizeChange(112, 100)?.text).toBe("+12 %");
    expect(sizeChange(50, 100)?.text).toBe("−50 %");
    expect(sizeChange(1001, 1000)?.text).toBe("±0 %");
    expect(sizeChange(5, 0)).toBeUndefined();
    expect(sizeChange(undefined, 5)).toBeUndefined();
  });
});

function rate(numerator: number, denominator: number) {
  const { lower, upper } = wilsonInterval(numerator, denominator);
  return create(RateSchema, {
    value: denominator === 0 ? 0 : numerator / denominator,
    lower,
    upper,
    numerator: BigInt(numerator),
    denominator: BigInt(denominator),
  });
}

describe("formatDuration", () => {
  it("goes on to the next unit where that begins", () => {
    expect([0.2, 999.6, 1000, 59_999.6, 60_000, 3_599_999].map(formatDuration)).toEqual([
      "< 1 ms",
      "999 ms",
      "1.0 s",
      "59.9 s",
      "1 m",
      "59 m 59 s",
    ]);
  });
});
