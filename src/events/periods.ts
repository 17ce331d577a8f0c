/** Hours, days and ISO weeks in UTC, and rows for those in which nothing happened. */

export type Period = "hour" | "day" | "week";

/** What `fillPeriods` fills: a row of a client, a metric and a period. */
export interface PeriodRow {
  readonly client: string;
  readonly metric: string;
  /** When its period begins, in microseconds since the epoch. */
  readonly periodUs: number;
}

/** From the first moment of a window up to, but not including, the last; null is open. */
export interface Window {
  readonly startUs: number | null;
  readonly endUs: number | null;
}

const HOUR_US = 3_600_000_000;
const LENGTH_US = { hour: HOUR_US, day: 24 * HOUR_US, week: 7 * 24 * HOUR_US } as const;
/** The epoch was a Thursday; weeks begin on Monday. */
const OFFSET_US = { hour: 0, day: 0, week: 3 * 24 * HOUR_US } as const;

/** How many periods a window touches; null for an open one. */
export function countPeriods(period: Period, { startUs, endUs }: Window): number | null {
  if (startUs === null || endUs === null) return null;
  return endUs <= startUs ? 0 : indexOf(period, endUs - 1) - indexOf(period, startUs) + 1;
}

/**
 * The rows and, for each client and metric that they have, one that `zero` makes for each period without: over
 * the window, and on its open sides from the first to the last row. By period, client, metric. Where rows are
 * `grouped` by neither, a closed window is filled without any row. Null if that makes more than `maxRows`.
 */
export function fillPeriods<Row extends PeriodRow>(
  rows: readonly Row[],
  period: Period,
  window: Window,
  grouped: boolean,
  maxRows: number,
  zero: (row: PeriodRow) => Row,
): Row[] | null {
  const first = Math.min(...bound(window.startUs), ...rows.map(({ periodUs }) => periodUs));
  const last = Math.max(
    ...bound(window.endUs === null ? null : window.endUs - 1),
    ...rows.map(({ periodUs }) => periodUs),
  );
  const groups = groupsOf(rows);
  if (groups.length === 0 && !grouped) groups.push({ client: "", metric: "" });
  const isOpen = window.startUs === null || window.endUs === null;
  if (groups.length === 0 || (rows.length === 0 && isOpen)) return [];
  const count = last < first ? 0 : indexOf(period, last) - indexOf(period, first) + 1;
  if (count * groups.length > maxRows) return null;
  const known = new Map(rows.map((row) => [keyOf(row), row]));
  const start = indexOf(period, first);
  return Array.from({ length: count }, (_, i) => beginOf(period, start + i)).flatMap((periodUs) =>
    groups.map((group) => {
      const row = { periodUs, ...group };
      return known.get(keyOf(row)) ?? zero(row);
    }),
  );
}

function indexOf(period: Period, us: number): number {
  return Math.floor((us + OFFSET_US[period]) / LENGTH_US[period]);
}

function beginOf(period: Period, index: number): number {
  return index * LENGTH_US[period] - OFFSET_US[period];
}

function bound(us: number | null): number[] {
  return us === null ? [] : [us];
}

/** Each client and metric once, in the order of their bytes. */
function groupsOf(rows: readonly PeriodRow[]): { client: string; metric: string }[] {
  const groups = new Map(
    rows.map(({ client, metric }) => [JSON.stringify([client, metric]), { client, metric }]),
  );
  return [...groups.values()].sort(
    (a, b) => compareBytes(a.client, b.client) || compareBytes(a.metric, b.metric),
  );
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function keyOf({ client, metric, periodUs }: PeriodRow): string {
  return JSON.stringify([client, metric, periodUs]);
}
