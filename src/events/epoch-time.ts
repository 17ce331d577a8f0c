/** Times as numbers: what has passed since 1970. */
import { microsOf } from "./calendar-time.js";

/**
 * Microseconds since 1970, of a canonical decimal number, or why it is no time. Its size shows the unit; what
 * would fit no unit, or look like a year or a date of digits alone, is refused rather than guessed.
 *
 * | from | below | unit |
 * |---|---|---|
 * | 0 | 7,258,118,400 | seconds (1970 to 2199) |
 * | 10^11 | 7,258,118,400 × 10^3 | milliseconds (1973 to 2199) |
 * | 10^14 | 7,258,118,400 × 10^6 | microseconds (1973 to 2199) |
 * | 10^17 | 7,258,118,400 × 10^9 | nanoseconds (1973 to 2199) |
 */
export function readEpoch(decimal: string): number | string {
  const number = Number(decimal);
  const unit = UNITS.find(({ from, below }) => number >= from && number < below);
  if (unit === undefined) return "lies outside the years 1970 to 2199 in every unit";
  if (looksLikeDate(decimal)) return "is ambiguous: send a date like 2024-01-31";
  const [whole = "", fraction = ""] = decimal.split(".");
  const { power } = unit;
  if (power < 0) return Number(whole.slice(0, power));
  // The digits after the point move before it, as many as the unit has to microseconds.
  return Number(whole) * 10 ** power + Math.floor(microsOf(fraction) / 10 ** (6 - power));
}

/** `2024`, `20240131`. */
function looksLikeDate(decimal: string): boolean {
  if (decimal.length === 4) return decimal >= "1970" && decimal < "2200";
  return decimal.length === 8 && DATE.test(decimal);
}

const YEAR_2200_SECONDS = 7_258_118_400;
/** `power`: a unit has 10^power microseconds. */
const UNITS = [
  { from: 0, below: YEAR_2200_SECONDS, power: 6 },
  { from: 1e11, below: YEAR_2200_SECONDS * 1e3, power: 3 },
  { from: 1e14, below: YEAR_2200_SECONDS * 1e6, power: 0 },
  { from: 1e17, below: YEAR_2200_SECONDS * 1e9, power: -3 },
];
const DATE = /^(?:19[7-9]|2[01]\d)\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/;
