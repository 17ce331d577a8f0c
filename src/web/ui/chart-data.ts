/** What charts draw and say, made from what they are given. */
import { formatDay, formatTime } from "../format/times.js";
import type { ChartProps, ChartSeries } from "./chart-props.js";

/**
 * Series that stand on one another, as they are drawn: each holds the sum of itself and those before it, the highest first, so
 * that lower ones cover it.
 */
export function drawingOrder(series: readonly ChartSeries[]): readonly ChartSeries[] {
  let below: readonly (number | null)[] = [];
  const stacked = series.map((each) => {
    const values = each.values.map((value, index) =>
      value === null ? null : value + (below[index] ?? 0),
    );
    below = values;
    return { ...each, values };
  });
  return stacked.reverse();
}

/** Positions of the points of a line that are drawn: those that stand out, and one that has no other to be joined to. */
export function shownPoints({ kind, values, marked }: ChartSeries): number[] {
  if (kind === "bars") return [];
  const present = values.flatMap((value, index) => (value === null ? [] : [index]));
  return [...new Set([...(marked ?? []), ...(present.length === 1 ? present : [])])];
}

/** Bounds of the axis of times, in seconds: bars and a single point need half a step on either side. */
export function timeBounds({
  times,
  series,
  unit,
}: Pick<ChartProps, "times" | "series" | "unit">): [number, number] {
  const [first = 0, last = first] = [times[0], times.at(-1)];
  const steps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  const isLine = series.every(({ kind }) => kind === "line") && steps.length > 0;
  const half = isLine ? 0 : Math.min(STEP_MS[unit ?? "day"], ...steps) / 2;
  return [(first - half) / 1000, (last + half) / 1000];
}

/** Distances of the marks on an axis of such times, in seconds. */
export function timeSteps(unit: "hour" | "day"): number[] {
  const ofDay = unit === "hour" ? [1, 2, 3, 6, 12].map((hours) => hours * STEP_MS.hour) : [];
  const ofDays = [1, 2, 3, 7, 14, 28, 56, 112].map((days) => days * STEP_MS.day);
  return [...ofDay, ...ofDays].map((ms) => ms / 1000);
}

/** Distances of the marks on an axis of counts. */
export function countSteps(): number[] {
  return Array.from(Array(15).keys()).flatMap((zeros) => [1, 2, 5].map((of) => of * 10 ** zeros));
}

/** Distances of the marks on an axis of durations, in milliseconds. */
export function durationSteps(): number[] {
  const decimal = (unitMs: number, below: number) =>
    countSteps()
      .filter((step) => step < below)
      .map((step) => step * unitMs);
  const sixtieths = [1, 2, 5, 10, 15, 30];
  return [
    ...decimal(1, 1000),
    ...sixtieths.map((seconds) => seconds * 1000),
    ...sixtieths.map((minutes) => minutes * 60_000),
    ...[1, 2, 3, 6, 12].map((hours) => hours * STEP_MS.hour),
    ...decimal(STEP_MS.day, 1e6),
  ];
}

const STEP_MS = { hour: 3_600_000, day: 86_400_000 } as const;

const hour = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  timeZone: "UTC",
});

/** `21 Nov` of a day, `21 Nov, 14:00` of an hour, both of UTC; the whole time of a moment, in the reader's zone. */
export function timeText(ms: number, unit: ChartProps["unit"]): string {
  if (unit === "day") return formatDay(ms);
  return unit === "hour" ? `${formatDay(ms)}, ${hour.format(ms)}` : formatTime(ms);
}

/** What a mark of the axis says: `14:00` of an hour, `21 Nov` of a day and of the hour that begins it. */
export function markText(ms: number, unit: ChartProps["unit"]): string {
  return unit === "hour" && ms % STEP_MS.day !== 0 ? hour.format(ms) : formatDay(ms);
}
