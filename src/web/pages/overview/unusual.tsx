import { timeText } from "../../ui/chart-data.js";
import type { ChartProps, ChartSeries } from "../../ui/chart-props.js";

/** Which points of a chart are unusual, with the rule to hover over; the line is there when none is. */
export function Unusual({
  times,
  unit,
  known,
  of,
  series,
  format,
}: {
  readonly times: readonly number[];
  readonly unit: ChartProps["unit"];
  /** How many points have runs. */
  readonly known: number;
  /** Which figure, if it is not the only one of the chart. */
  readonly of?: string;
  readonly series: ChartSeries | undefined;
  readonly format: (value: number) => string;
}) {
  const marked = [...(series?.marked ?? [])].reverse();
  const told = marked.slice(0, MAX_TOLD).map((index) => {
    const value = series?.values[index] ?? undefined;
    return `${timeText(times[index] ?? 0, unit)} ${value === undefined ? "–" : format(value)}`;
  });
  const more = marked.length - told.length;
  return (
    <p className="chart-note soft small" title={RULE}>
      {known < MIN_POINTS
        ? `Too few ${unit}s with runs to call one unusual.`
        : told.length === 0
          ? "Nothing unusual."
          : `Unusual${of === undefined ? "" : ` ${of}`}: ${told.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`}
    </p>
  );
}

const RULE =
  "Unusual is what lies further than 5 times the median absolute deviation from the median of the points that have runs, if those are at least 8.";
const MIN_POINTS = 8;
const MAX_TOLD = 3;
