import { useMemo } from "react";
import type { ResultCounts, TestDay } from "../../../../gen/tally/v1/stats_pb.js";
import { formatCount } from "../../format/numbers.js";
import { durationMs, formatDuration, millisOf } from "../../format/times.js";
import { Chart } from "../../ui/chart.js";
import { ChartCard } from "../../ui/chart-card.js";
import type { ChartSeries } from "../../ui/chart-props.js";

/** Results and durations of a test by day. */
export function DayCharts({ days }: { readonly days: readonly TestDay[] }) {
  const { times, results, durations } = useMemo(
    () => ({
      times: days.map(({ day }) => millisOf(day) ?? 0),
      results: resultSeries(days),
      durations: durationSeries(days),
    }),
    [days],
  );
  const shared = { times, unit: "day", height: 150 } as const;
  return (
    <div className="chart-cards">
      <ChartCard title="Results" legend={results}>
        <Chart
          {...shared}
          label="Results by day"
          series={results}
          stacked
          of="counts"
          format={formatCount}
        />
      </ChartCard>
      <ChartCard title="Durations" legend={durations}>
        <Chart
          {...shared}
          label="Durations by day"
          series={durations}
          of="durations"
          format={formatDuration}
        />
      </ChartCard>
    </div>
  );
}

function resultSeries(days: readonly TestDay[]): readonly ChartSeries[] {
  const counted = (label: string, color: string, count: (results: ResultCounts) => bigint) => ({
    label,
    color,
    kind: "bars" as const,
    values: days.map(({ results }) => (results === undefined ? 0 : Number(count(results)))),
  });
  return [
    counted("Passed", "--passed", ({ passedCount }) => passedCount),
    counted("Failed", "--failed", ({ failedCount }) => failedCount),
    counted("Errored", "--errored", ({ erroredCount }) => erroredCount),
    counted(
      "Skipped",
      "--line-strong",
      ({ skippedCount, precludedCount }) => skippedCount + precludedCount,
    ),
  ].filter(({ label, values }) => label === "Passed" || values.some(Boolean));
}

function durationSeries(days: readonly TestDay[]): readonly ChartSeries[] {
  return (["p95", "p50"] as const).map((name) => ({
    label: name,
    color: name === "p95" ? "--accent" : "--line-strong",
    kind: "line",
    values: days.map(({ duration }) => durationMs(duration?.[name]) ?? null),
  }));
}
