/** What is folded already of what a step changes: what cannot be added up by the statement that writes it. */
import { parseNumbers, plainArray, textArray } from "./array-literal.js";
import type { PeriodKey, TestDayState, TestWindowsState } from "./fold-rows.js";
import { microsOf, timeOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** A part of a run; its id in hexadecimal. */
export interface PartKey {
  readonly runKey: string;
  readonly partId: string;
}

/** The histograms of these parts' durations, in their order; empty where there is none. */
export async function readPartDurations(
  db: Queryable,
  projectKey: string,
  parts: readonly PartKey[],
): Promise<Uint8Array[]> {
  const rows = await db.query<{ ord: number; durations: Uint8Array }>(PARTS, [
    projectKey,
    plainArray(parts.map((part) => part.runKey)),
    textArray(parts.map((part) => part.partId)),
  ]);
  return inOrder(parts.length, rows);
}

/** The histograms of these periods' durations, in their order; empty where there is none. */
export async function readPeriodDurations(
  db: Queryable,
  projectKey: string,
  periods: readonly PeriodKey[],
): Promise<Uint8Array[]> {
  const rows = await db.query<{ ord: number; durations: Uint8Array }>(PERIODS, [
    projectKey,
    plainArray(periods.map((period) => period.unit)),
    textArray(periods.map((period) => period.branch)),
    plainArray(periods.map((period) => period.startUs)),
  ]);
  return inOrder(periods.length, rows);
}

/** The windows of these tests, by test. */
export async function readTestWindows(
  db: Queryable,
  projectKey: string,
  testKeys: readonly number[],
): Promise<Map<number, TestWindowsState>> {
  const [row] = await db.query<WindowColumns>(WINDOWS, [projectKey, plainArray(testKeys)]);
  const found = new Map<number, TestWindowsState>();
  if (row === undefined || row.test_keys === null) return found;
  const keys = parseNumbers(row.test_keys);
  const days = parseNumbers(row.days);
  const lastRunKeys = splitList(row.last_run_keys);
  const lastCounted = parseNumbers(row.last_counted_us);
  const lastStatuses = parseNumbers(row.last_statuses);
  const p95s = [row.p95_us_1, row.p95_us_7, row.p95_us_30, row.p95_us_90].map(parseNumbers);
  const p95At = (window: number, i: number) => p95s[window]?.[i] ?? 0;
  const week = splitBytes(row.durations_7, row.lengths_7);
  const month = splitBytes(row.durations_30, row.lengths_30);
  const quarter = splitBytes(row.durations_90, row.lengths_90);
  const recent = splitBytes(row.recent, row.recent_lengths);
  keys.forEach((testKey, i) => {
    found.set(testKey, {
      day: days[i] ?? 0,
      lastRunKey: lastRunKeys[i] ?? "",
      lastCountedUs: lastCounted[i] ?? 0,
      lastStatus: lastStatuses[i] ?? 0,
      p95Us: [p95At(0, i), p95At(1, i), p95At(2, i), p95At(3, i)],
      durations: [week[i] ?? NO_BYTES, month[i] ?? NO_BYTES, quarter[i] ?? NO_BYTES],
      recent: recent[i] ?? NO_BYTES,
    });
  });
  return found;
}

/** A test on a day. */
export interface TestDayKey {
  readonly testKey: number;
  readonly day: number;
}

/** These days, in their order; undefined where there is none. */
export async function readTestDays(
  db: Queryable,
  projectKey: string,
  days: readonly TestDayKey[],
): Promise<(TestDayState | undefined)[]> {
  const found: (TestDayState | undefined)[] = new Array(days.length).fill(undefined);
  const [row] = await db.query<DayColumns>(DAYS, [
    projectKey,
    plainArray(days.map(({ testKey }) => testKey)),
    plainArray(days.map(({ day }) => day)),
  ]);
  if (row === undefined || row.ords === null) return found;
  const durations = splitBytes(row.durations, row.lengths);
  const runKeys = row.run_keys.split(";");
  const more = parseNumbers(row.more_runs);
  parseNumbers(row.ords).forEach((ord, i) => {
    found[ord - 1] = {
      durations: durations[i] ?? NO_BYTES,
      runKeys: runKeys[i] ?? "",
      moreRuns: more[i] === 1,
    };
  });
  return found;
}

/** Values of an array literal that need no quotes. */
function splitList(literal: string): string[] {
  return literal.slice(1, -1).split(",");
}

/** Values that come one behind the other; an array literal has their lengths. */
function splitBytes(joined: Uint8Array, lengths: string): Uint8Array[] {
  let at = 0;
  return parseNumbers(lengths).map((length) => {
    at += length;
    return joined.subarray(at - length, at);
  });
}

function inOrder(
  length: number,
  rows: readonly { ord: number; durations: Uint8Array }[],
): Uint8Array[] {
  const found: Uint8Array[] = new Array(length).fill(NO_BYTES);
  for (const { ord, durations } of rows) found[ord - 1] = durations;
  return found;
}

const NO_BYTES = new Uint8Array();

/** Columns as array literals: a row for each test would take the driver five times as long. */
interface WindowColumns {
  test_keys: string | null;
  days: string;
  last_run_keys: string;
  last_counted_us: string;
  last_statuses: string;
  p95_us_1: string;
  p95_us_7: string;
  p95_us_30: string;
  p95_us_90: string;
  durations_7: Uint8Array;
  lengths_7: string;
  durations_30: Uint8Array;
  lengths_30: string;
  durations_90: Uint8Array;
  lengths_90: string;
  recent: Uint8Array;
  recent_lengths: string;
}

interface DayColumns {
  ords: string | null;
  durations: Uint8Array;
  lengths: string;
  run_keys: string;
  more_runs: string;
}

// Each by its table's primary key: OFFSET 0 keeps it so, whatever the planner believes of the lists.
const PARTS = `
SELECT d.ord::int, t.durations
FROM unnest($2::bigint[], $3::text[]) WITH ORDINALITY AS d(run_key, part_id, ord)
CROSS JOIN LATERAL (
  SELECT durations
  FROM part_totals
  WHERE project_key = $1 AND run_key = d.run_key AND part_id = decode(d.part_id, 'hex')
  OFFSET 0
) t`;

const PERIODS = `
SELECT d.ord::int, t.durations
FROM unnest($2::smallint[], $3::text[], $4::bigint[]) WITH ORDINALITY AS d(unit, branch, start_us, ord)
CROSS JOIN LATERAL (
  SELECT durations
  FROM project_periods
  WHERE project_key = $1 AND unit = d.unit AND all_branches = (d.branch IS NULL)
    AND branch = COALESCE(d.branch, '') AND start_at = ${timeOf("d.start_us")}
  OFFSET 0
) t`;

/** A column in one value: the bytes, and their lengths. */
const joined = (column: string, lengths: string) =>
  `string_agg(t.${column}, ''::bytea) AS ${column}, array_agg(octet_length(t.${column}))::text AS ${lengths}`;

const WINDOWS = `
SELECT
  array_agg(t.test_key)::text AS test_keys, array_agg(t.day - DATE '1970-01-01')::text AS days,
  array_agg(t.last_run_key)::text AS last_run_keys,
  array_agg(${microsOf("t.last_counted_at")})::text AS last_counted_us,
  array_agg(t.last_status)::text AS last_statuses,
  array_agg(t.p95_us_1)::text AS p95_us_1, array_agg(t.p95_us_7)::text AS p95_us_7,
  array_agg(t.p95_us_30)::text AS p95_us_30, array_agg(t.p95_us_90)::text AS p95_us_90,
  ${joined("durations_7", "lengths_7")}, ${joined("durations_30", "lengths_30")},
  ${joined("durations_90", "lengths_90")}, ${joined("recent", "recent_lengths")}
FROM unnest($2::bigint[]) AS d(test_key)
CROSS JOIN LATERAL (
  SELECT *
  FROM test_windows
  WHERE project_key = $1 AND test_key = d.test_key
  OFFSET 0
) t`;

const DAYS = `
SELECT
  array_agg(d.ord)::text AS ords, ${joined("durations", "lengths")},
  string_agg(array_to_string(t.run_keys, ','), ';') AS run_keys, array_agg(t.more_runs::int)::text AS more_runs
FROM unnest($2::bigint[], $3::int[]) WITH ORDINALITY AS d(test_key, day, ord)
CROSS JOIN LATERAL (
  SELECT durations, run_keys, more_runs
  FROM test_days
  WHERE project_key = $1 AND test_key = d.test_key AND day = DATE '1970-01-01' + d.day
  OFFSET 0
) t`;
