/** What the charts of the overview draw, from the points of a series. */
import type { RunCounts } from "../../../../gen/tally/v1/stats_pb.js";
import { SeriesMetric, type SeriesPoint } from "../../../../gen/tally/v1/stats_service_pb.js";
import { durationMs, millisOf } from "../../format/times.js";
import type { ChartSeries } from "../../ui/chart-props.js";

/** When the points are. */
export function timesOf(points: readonly SeriesPoint[]): readonly number[] {
  return points.map(({ startTime }) => millisOf(startTime) ?? 0);
}

/** The share of results that passed; nothing where nothing ran. */
export function passRateSeries(points: readonly SeriesPoint[]): readonly [ChartSeries] {
  return [
    {
      label: "Pass rate",
      color: "--passed",
      kind: "line",
      values: points.map(({ passRate }) =>
        passRate === undefined || passRate.denominator === 0n ? null : passRate.value,
      ),
      marked: markedBy(points, SeriesMetric.PASS_RATE),
    },
  ];
}

/** Bounds of the axis of a rate: from the next twentieth below the lowest value, so that small changes are seen. */
export function rateRange(values: readonly (number | null)[]): readonly [number, number] {
  const lowest = Math.min(1, ...values.filter((value) => value !== null));
  return [Math.min(0.9, Math.max(0, Math.floor(lowest * 20) / 20)), 1];
}

/** Runs by how they ended, to be stacked. */
export function runSeries(points: readonly SeriesPoint[]): readonly ChartSeries[] {
  const counted = (label: string, color: string, count: (runs: RunCounts) => bigint) => ({
    label,
    color,
    kind: "bars" as const,
    values: points.map(({ runs }) => (runs === undefined ? 0 : Number(count(runs)))),
  });
  return [
    counted("Passed", "--passed", ({ passedCount }) => passedCount),
    counted("Failed", "--failed", ({ failedCount }) => failedCount),
    counted("Errored", "--errored", ({ erroredCount }) => erroredCount),
    counted(
      "Other",
      "--line-strong",
      ({ runCount, passedCount, failedCount, erroredCount }) =>
        runCount - passedCount - failedCount - erroredCount,
    ),
  ];
}

/** Percentiles of the durations of results, in milliseconds. */
export function durationSeries(
  points: readonly SeriesPoint[],
): readonly [ChartSeries, ChartSeries] {
  return [
    {
      label: "p95",
      color: "--accent",
      kind: "line",
      values: points.map(({ resultDuration }) => durationMs(resultDuration?.p95) ?? null),
      marked: markedBy(points, SeriesMetric.RESULT_DURATION_P95),
    },
    {
      label: "p50",
      color: "--line-strong",
      kind: "line",
      values: points.map(({ resultDuration }) => durationMs(resultDuration?.p50) ?? null),
    },
  ];
}

/** Points with runs; the server calls none unusual among fewer than 8. */
export function pointsWithRuns(points: readonly SeriesPoint[]): number {
  return points.filter(({ runs }) => (runs?.runCount ?? 0n) > 0n).length;
}

/** Positions of points of which some figure is unusual. */
export function markedBy(
  points: readonly SeriesPoint[],
  metric: SeriesMetric,
): ReadonlySet<number> {
  return new Set(
    points.flatMap(({ anomalies }, index) => (anomalies.includes(metric) ? [index] : [])),
  );
}
