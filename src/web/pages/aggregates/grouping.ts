/** By what events are added up, and the sums as a chart has them. */

import type { EventAggregate } from "../../../../gen/tally/v1/event_service_pb.js";
import { EventGroup } from "../../../../gen/tally/v1/event_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { millisOf } from "../../format/times.js";

/** Names of fields, as addresses have them. */
export const FIELD_GROUPS = ["metric", "client", "client-metric", "none"] as const;
export type FieldGroup = (typeof FIELD_GROUPS)[number];

/** Names of the widths of time. */
export const TIME_GROUPS = ["none", "hour", "day", "week"] as const;
export type TimeGroup = (typeof TIME_GROUPS)[number];

/** As the request takes them. */
export function groupsOf(fields: FieldGroup, time: TimeGroup): EventGroup[] {
  return [...FIELDS[fields], ...TIMES[time]];
}

/** One line of the chart: a group, with its sum at each time; null where the group has none. */
export interface SumSeries {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/**
 * The rows as lines over time, those with the largest sums first, at most `most`. Numbers of a chart are doubles: the table
 * has the exact sums.
 */
export function sumSeries(
  rows: readonly EventAggregate[],
  most: number,
): {
  readonly times: readonly number[];
  readonly series: readonly SumSeries[];
  readonly more: number;
} {
  const times = [...new Set(rows.map(timeOf))].sort((a, b) => a - b);
  const positions = new Map(times.map((time, at) => [time, at]));
  const groups = new Map<string, (number | null)[]>();
  for (const row of rows) {
    const name = groupName(row);
    const values = groups.get(name) ?? times.map(() => null);
    groups.set(name, values);
    values[positions.get(timeOf(row)) ?? 0] = Number(row.sum);
  }
  const series = [...groups].map(([name, values]) => ({ name, values }));
  const totals = new Map(series.map(({ name, values }) => [name, total(values)]));
  series.sort((a, b) => (totals.get(b.name) ?? 0) - (totals.get(a.name) ?? 0));
  return { times, series: series.slice(0, most), more: Math.max(0, series.length - most) };
}

/** `client_A · revenue`; `All events` for the one row over all. */
export function groupName({ client, metric }: EventAggregate): string {
  const parts = [client, metric].filter((part) => part !== "");
  return parts.length === 0 ? "All events" : parts.map((part) => displayText(part, 80)).join(" · ");
}

/** `2026-01-31 14:00` of an hour, `2026-01-31` of a day or week, in UTC; empty without a time. */
export function periodText(row: EventAggregate, time: TimeGroup): string {
  if (row.periodStartTime === undefined) return "";
  const text = new Date(timeOf(row)).toISOString();
  return time === "hour" ? `${text.slice(0, 10)} ${text.slice(11, 16)}` : text.slice(0, 10);
}

const FIELDS: Readonly<Record<FieldGroup, readonly EventGroup[]>> = {
  metric: [EventGroup.METRIC],
  client: [EventGroup.CLIENT],
  "client-metric": [EventGroup.CLIENT, EventGroup.METRIC],
  none: [],
};
const TIMES: Readonly<Record<TimeGroup, readonly EventGroup[]>> = {
  none: [],
  hour: [EventGroup.HOUR],
  day: [EventGroup.DAY],
  week: [EventGroup.WEEK],
};

function timeOf({ periodStartTime }: EventAggregate): number {
  return millisOf(periodStartTime) ?? 0;
}

function total(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + Math.abs(value ?? 0), 0);
}
