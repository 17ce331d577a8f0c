/** Hours, days and weeks in UTC, and how a window is made of them. Times are microseconds since the epoch. */

export type PeriodUnit = "hour" | "day" | "week";

/** From `startUs` up to, but not including, `endUs`. */
export interface Window {
  readonly startUs: number;
  readonly endUs: number;
}

/** Figures are kept by hour and by day. */
export interface PeriodRange extends Window {
  readonly unit: "hour" | "day";
}

const HOUR_US = 3_600_000_000;
export const DAY_US = 24 * HOUR_US;
const LENGTH_US = { hour: HOUR_US, day: DAY_US, week: 7 * DAY_US } as const;
/** The epoch was a Thursday; weeks begin on Monday. */
const OFFSET_US = { hour: 0, day: 0, week: 3 * DAY_US } as const;

/** The start of the period that a time lies in. */
export function roundDown(unit: PeriodUnit, us: number): number {
  const length = LENGTH_US[unit];
  const offset = OFFSET_US[unit];
  return Math.floor((us + offset) / length) * length - offset;
}

/** The time itself if a period starts there, else the start of the next one. */
export function roundUp(unit: PeriodUnit, us: number): number {
  const start = roundDown(unit, us);
  return start === us ? us : start + LENGTH_US[unit];
}

/** The starts of the periods of a window that begins and ends with one. */
export function periodStarts(unit: PeriodUnit, { startUs, endUs }: Window): number[] {
  const count = Math.max(0, Math.round((endUs - startUs) / LENGTH_US[unit]));
  return Array.from({ length: count }, (_, i) => startUs + i * LENGTH_US[unit]);
}

/** The fewest hours and days that make up a window of whole hours: days where they are whole. */
export function hoursAndDays({ startUs, endUs }: Window): PeriodRange[] {
  const firstDay = roundUp("day", startUs);
  const lastDay = roundDown("day", endUs);
  if (firstDay > lastDay) return [{ unit: "hour", startUs, endUs }];
  const ranges: PeriodRange[] = [
    { unit: "hour", startUs, endUs: firstDay },
    { unit: "day", startUs: firstDay, endUs: lastDay },
    { unit: "hour", startUs: lastDay, endUs },
  ];
  return ranges.filter((range) => range.startUs < range.endUs);
}
