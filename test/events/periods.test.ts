import { expect, it } from "vitest";
import {
  countPeriods,
  fillPeriods,
  type Period,
  type PeriodRow,
} from "../../src/events/periods.js";

const us = (time: string) => Date.parse(time) * 1000;
const text = (time: number) => new Date(time / 1000).toISOString().slice(0, 13);
const row = (period: string, client = "", metric = "") => ({
  client,
  metric,
  periodUs: us(period),
  count: 1,
});
const zero = (empty: PeriodRow) => ({ ...empty, count: 0 });
const open = { startUs: null, endUs: null };
const fill = (
  rows: ReturnType<typeof row>[],
  period: Period,
  window: { startUs: number | null; endUs: number | null } = open,
  grouped = false,
  maxRows = 1000,
) =>
  fillPeriods(rows, period, window, grouped, maxRows, zero)?.map(
    ({ client, metric, periodUs, count }) => `${text(periodUs)} ${client}${metric} ${count}`,
  ) ?? null;

it("fills from the first to the last row where the window is open", () => {
  expect(fill([row("2025-11-10T00:00Z"), row("2025-11-12T00:00Z")], "day")).toEqual([
    "2025-11-10T00  1",
    "2025-11-11T00  0",
    "2025-11-12T00  1",
  ]);
  expect(fill([], "day")).toEqual([]);
  expect(fill([], "day", { startUs: us("2025-11-10T00:00Z"), endUs: null })).toEqual([]);
});

it("fills the whole of a window, with the periods that it touches", () => {
  const window = { startUs: us("2025-11-10T01:30Z"), endUs: us("2025-11-10T03:00Z") };
  expect(fill([], "hour", window)).toEqual(["2025-11-10T01  0", "2025-11-10T02  0"]);
  expect(fill([], "hour", { ...window, endUs: window.endUs + 1 })).toHaveLength(3);
  expect(fill([], "hour", { ...window, endUs: window.startUs })).toEqual([]);
  const half = { startUs: window.startUs, endUs: null };
  expect(fill([row("2025-11-10T03:00Z")], "hour", half)).toHaveLength(3);
});

it("begins weeks on Monday, across a year and before the epoch", () => {
  const window = { startUs: us("2025-12-28T12:00Z"), endUs: us("2026-01-05T00:00Z") };
  expect(fill([], "week", window)).toEqual(["2025-12-22T00  0", "2025-12-29T00  0"]);
  const early = { startUs: us("1969-12-28T23:59Z"), endUs: us("1969-12-29T00:01Z") };
  expect(fill([], "week", early)).toEqual(["1969-12-22T00  0", "1969-12-29T00  0"]);
});

it("fills for each client and metric, in the order of their bytes", () => {
  const rows = [
    row("2025-11-10T00:00Z", "\u{10000}", "m"),
    row("2025-11-11T00:00Z", "\uffff", "m"),
  ];
  expect(fill(rows, "day", open, true)).toEqual([
    "2025-11-10T00 \uffffm 0",
    "2025-11-10T00 \u{10000}m 1",
    "2025-11-11T00 \uffffm 1",
    "2025-11-11T00 \u{10000}m 0",
  ]);
  const window = { startUs: us("2025-11-10T00:00Z"), endUs: us("2025-11-12T00:00Z") };
  expect(fill([], "day", window, true)).toEqual([]);
});

it("answers no more rows than it may", () => {
  const rows = [row("2025-11-10T00:00Z", "a"), row("2025-11-11T00:00Z", "b")];
  expect(fill(rows, "day", open, true, 4)).toHaveLength(4);
  expect(fill(rows, "day", open, true, 3)).toBeNull();
});

it("counts the periods of a window without filling it", () => {
  const years = { startUs: us("2015-01-01T00:00Z"), endUs: us("2025-01-01T00:00Z") };
  expect(countPeriods("hour", years)).toBe(3653 * 24);
  expect(countPeriods("day", years)).toBe(3653);
  expect(countPeriods("week", years)).toBe(523);
  expect(countPeriods("week", { ...years, endUs: null })).toBeNull();
  expect(countPeriods("day", { startUs: 1, endUs: 1 })).toBe(0);
});
