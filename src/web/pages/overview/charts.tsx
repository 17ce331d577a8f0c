/** Pass rate, runs and durations over time, with what is unusual in them. */
import { useMemo } from "react";
import type { QueryTimeSeriesResponse } from "../../../../gen/tally/v1/stats_service_pb.js";
import { SeriesMetric } from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount, formatShare } from "../../format/numbers.js";
import { formatDuration } from "../../format/times.js";
import { Chart } from "../../ui/chart.js";
import { ChartCard } from "../../ui/chart-card.js";
import {
  durationSeries,
  markedBy,
  passRateSeries,
  pointsWithRuns,
  rateRange,
  runSeries,
  timesOf,
} from "./series.js";
import { Unusual } from "./unusual.js";

/** Three charts side by side. */
export function Charts({
  series,
  unit,
}: {
  readonly series: QueryTimeSeriesResponse;
  readonly unit: "hour" | "day";
}) {
  const { points } = series;
  const drawn = useMemo(() => {
    const passRate = passRateSeries(points);
    return {
      times: timesOf(points),
      passRate,
      range: rateRange(passRate[0].values),
      runs: runSeries(points),
      durations: durationSeries(points),
    };
  }, [points]);
  const { times, passRate, range, runs, durations } = drawn;
  const shared = { times, unit, height: 168 };
  const found = { times, unit, known: pointsWithRuns(points) };
  return (
    <div className="chart-cards">
      <ChartCard title="Pass rate of results">
        <Chart
          {...shared}
          label={`Pass rate of results by ${unit}`}
          series={passRate}
          range={range}
          format={formatShare}
        />
        <Unusual
          {...found}
          values={passRate[0].values}
          marked={markedBy(points, SeriesMetric.PASS_RATE)}
          format={formatShare}
        />
      </ChartCard>
      <ChartCard title="Runs" legend={runs.filter(({ values }) => values.some(Boolean))}>
        <Chart
          {...shared}
          label={`Runs by ${unit}`}
          series={runs}
          stacked
          of="counts"
          format={formatCount}
        />
        <Unusual
          {...found}
          of="results"
          values={points.map(({ results }) => Number(results?.resultCount ?? 0n))}
          marked={markedBy(points, SeriesMetric.RESULT_COUNT)}
          format={formatCount}
        />
      </ChartCard>
      <ChartCard title="Durations of results" legend={durations}>
        <Chart
          {...shared}
          label={`Durations of results by ${unit}`}
          series={durations}
          of="durations"
          format={formatDuration}
        />
        <Unusual
          {...found}
          of="p95"
          values={durations[0].values}
          marked={markedBy(points, SeriesMetric.RESULT_DURATION_P95)}
          format={formatDuration}
        />
      </ChartCard>
    </div>
  );
}
