import { timeText } from "../../ui/chart-data.js";
import type { ChartProps } from "../../ui/chart-props.js";

/** Which points of a chart are unusual, with the rule to hover over; the line is there when none is. */
export function Unusual({
  times,
  unit,
  known,
  of,
  values,
  marked,
  format,
}: {
  readonly times: readonly number[];
  readonly unit: ChartProps["unit"];
  /** How many points have runs. */
  readonly known: number;
  /** Which figure, if it is not the only one of the chart. */
  readonly of?: string;
  readonly values: readonly (number | null)[];
  /** Positions of the unusual ones. */
  readonly marked: ReadonlySet<number>;
  readonly format: (value: number) => string;
}) {
  const newestFirst = [...marked].reverse();
  const told = newestFirst
    .slice(0, MAX_TOLD)
    .map((index) => `${timeText(times[index] ?? 0, unit)} ${format(values[index] ?? 0)}`);
  const more = marked.size - told.length;
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
  "Unusual is what is further from the median than 5 times the median absolute deviation, and than 5 % of the median; of at least 8 points with runs.";
const MIN_POINTS = 8;
const MAX_TOLD = 3;
