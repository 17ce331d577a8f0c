/** UTC days as integers, counted from 1970-01-01 (day 0), and the windows of days that figures are over. */

/** Lengths of the windows in days, each of which ends with the present day. */
export const WINDOW_DAYS = [1, 7, 30, 90] as const;

/** The first day of the window of so many days that ends with `today`. */
export function windowStart(today: number, days: number): number {
  return today - days + 1;
}

/** The UTC day of a moment in microseconds since the epoch. */
export function dayOf(us: number): number {
  return Math.floor(us / DAY_US);
}

/** The day as `2024-01-31`; for the years 0 to 9999. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** The day that dayText writes so; NaN for any other text. */
export function parseDay(text: string): number {
  if (!DAY.test(text)) return Number.NaN;
  const day = Date.parse(`${text}T00:00:00Z`) / DAY_MS;
  // The 31st of February is read as a day of March.
  return Number.isNaN(day) || dayText(day) === text ? day : Number.NaN;
}

/**
 * The first and the last of the days that leave a window when the last of its days moves from `from` to `to`:
 * those from its old first day on that are before its new one, as far as they were in it. None (the first after
 * the last) if it does not move on.
 */
export function leavingDays(
  from: number,
  to: number,
  windowDays: number,
): readonly [first: number, last: number] {
  return [windowStart(from, windowDays), Math.min(to - windowDays, from)];
}

const DAY_MS = 24 * 3_600_000;
const DAY_US = DAY_MS * 1000;
const DAY = /^\d{4}-\d\d-\d\d$/;
