/** Points in time by the calendar. */

/** A date and a time of day, as far as a text gives them. */
export interface CalendarTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** The digits after the seconds' decimal point. */
  readonly fraction: string;
  /** `Z`, `UT`, `UTC`, `GMT` in any case, or an offset like `+01`, `+0100`, `+01:00`; absent means UTC. */
  readonly zone: string | undefined;
}

/** Microseconds since 1970 in UTC, or why there is no such time within the years 1970 to 2199. */
export function toMicros(time: CalendarTime): number | string {
  const { year, month, day, hour, minute, second, fraction, zone } = time;
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) {
    return "is no date of the calendar";
  }
  if (second === 60) return "is a leap second: send second 59";
  const isNextMidnight = hour === 24 && minute === 0 && second === 0 && Number(fraction) === 0;
  if ((hour > 23 && !isNextMidnight) || minute > 59 || second > 59) return "is no time of day";
  const offset = offsetMinutes(zone);
  if (offset === undefined) return "has a zone beyond 15:59 hours";
  // Date.UTC takes the year 75 for 1975.
  if (year < 1969) return OUTSIDE;
  const ms = Date.UTC(year, month - 1, day, hour, minute - offset, second);
  if (!(ms >= 0 && ms < YEAR_2200_MS)) return OUTSIDE;
  return ms * 1000 + microsOf(fraction);
}

/** The microseconds that the digits after a decimal point make; further digits are cut. */
export function microsOf(fraction: string): number {
  return fraction === "" ? 0 : Number(fraction.slice(0, 6).padEnd(6, "0"));
}

function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Minutes east of UTC; undefined if they are more than any database takes. */
function offsetMinutes(zone: string | undefined): number | undefined {
  const sign = zone?.charCodeAt(0);
  if (zone === undefined || (sign !== PLUS && sign !== MINUS)) return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(zone.charAt(3) === ":" ? 4 : 3) || 0);
  if (hours > 15 || minutes > 59) return undefined;
  return (sign === MINUS ? -1 : 1) * (hours * 60 + minutes);
}

const OUTSIDE = "lies outside the years 1970 to 2199";
const PLUS = 0x2b;
const MINUS = 0x2d;
const YEAR_2200_MS = Date.UTC(2200, 0);
