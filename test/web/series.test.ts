/** What the charts of the overview draw. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { SeriesMetric, SeriesPointSchema } from "../../gen/tally/v1/stats_service_pb.js";
import {
  durationSeries,
  passRateSeries,
  pointsWithRuns,
  rateRange,
  runSeries,
  timesOf,
} from "../../src/web/pages/overview/series.js";

describe("series of the overview", () => {
  const points = [
    create(SeriesPointSchema, {
      startTime: timestampFromMs(1000),
      runs: { runCount: 4n, passedCount: 1n, failedCount: 1n, erroredCount: 1n },
      passRate: { value: 0.87, numerator: 87n, denominator: 100n },
      resultDuration: { count: 1n, p50: { nanos: 5e6 }, p95: { seconds: 2n } },
      anomalies: [SeriesMetric.PASS_RATE],
    }),
    create(SeriesPointSchema, { startTime: timestampFromMs(2000), passRate: { upper: 1 } }),
  ];

  it("have no value where nothing ran, and mark what is unusual of their figure alone", () => {
    expect(timesOf(points)).toEqual([1000, 2000]);
    expect(pointsWithRuns(points)).toBe(1);
    expect(passRateSeries(points)).toMatchObject([{ values: [0.87, null], marked: new Set([0]) }]);
    expect(durationSeries(points)).toMatchObject([
      { label: "p95", values: [2000, null], marked: new Set() },
      { label: "p50", values: [5, null] },
    ]);
  });

  it("count every run once", () => {
    expect(runSeries(points).map(({ label, values }) => [label, values])).toEqual([
      ["Passed", [1, 0]],
      ["Failed", [1, 0]],
      ["Errored", [1, 0]],
      ["Other", [1, 0]],
    ]);
  });

  it("show rates from the next twentieth below, at least the upper tenth", () => {
    expect(rateRange([0.87, null, 1])).toEqual([0.85, 1]);
    expect(rateRange([0.99])).toEqual([0.9, 1]);
    expect(rateRange([null])).toEqual([0.9, 1]);
  });
});
