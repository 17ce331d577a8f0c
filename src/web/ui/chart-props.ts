/** What a chart is given. */

/** One line or set of bars. */
export interface ChartSeries {
  readonly label: string;
  /** A colour token, for example `--passed`. */
  readonly color: string;
  readonly kind: "line" | "bars";
  /** One for each time; null where there is nothing. */
  readonly values: readonly (number | null)[];
  /** Points of a line that stand out, by their position. */
  readonly marked?: ReadonlySet<number>;
}

export interface ChartProps {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  /** Milliseconds, ascending. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  /** Bounds of the value axis; absent means those of the values, from 0. */
  readonly range?: readonly [number, number];
  /** What a time stands for; absent means a moment. Days and hours are those of UTC. */
  readonly unit?: "hour" | "day" | undefined;
  /** Bars stand on those of the series before them. */
  readonly stacked?: boolean;
  /** What the values are: the marks of their axis are round as such. */
  readonly of?: "counts" | "durations";
  readonly height?: number;
}
