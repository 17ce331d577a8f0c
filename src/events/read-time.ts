/** Reads a point in time in the forms that clients send. */
import { type CalendarTime, toMicros } from "./calendar-time.js";
import { readDecimal } from "./decimal.js";
import { readEpoch } from "./epoch-time.js";
import { type JsonNode, JsonNumber } from "./json-tree.js";
import { type Reading, show } from "./reading.js";

/**
 * Microseconds since 1970 in UTC, within the years 1970 to 2199. Without a zone a time is UTC; digits after the
 * microseconds are cut.
 *
 * - ISO 8601: `2024-01-31`, `2024-01-31T10:00`, `…:00.123456789Z`, `…+01:00`, `…+0100`, `…+01`; a blank may
 *   stand for the `T`, a comma for the point, `/` for `-` in the date, `UTC` or `GMT` for `Z`. 24:00 is the
 *   next midnight. There is no second 60: servers count days of 86,400 seconds.
 * - RFC 2822 and HTTP: `Wed, 31 Jan 2024 10:00:00 GMT`; the name of the day is not compared with the date.
 * - Numbers and texts of digits: since 1970, in a unit that their size shows (see `readEpoch`).
 */
export function readTime(node: JsonNode): Reading<number> {
  if (node instanceof JsonNumber) return fromDigits(node, node.text);
  if (typeof node !== "string") return { fault: `${show(node)} is not a time` };
  const text = node.trim();
  if (text.length > LONGEST) return { fault: `${show(node)} is not a time` };
  const calendar = parseIso(text) ?? parseMailDate(text);
  if (calendar !== undefined) return fromCalendar(node, calendar);
  if (DAY_OR_MONTH_FIRST.test(text)) {
    return { fault: `${show(node)} is ambiguous: send the year first, like 2024-01-31` };
  }
  return fromDigits(node, text);
}

function fromDigits(node: JsonNode, text: string): Reading<number> {
  const decimal = readDecimal(text);
  if (decimal === undefined) return { fault: `${show(node)} is not a time` };
  const micros = "fault" in decimal ? decimal.fault : readEpoch(decimal.value);
  return typeof micros === "number" ? { value: micros } : { fault: `${show(node)} ${micros}` };
}

function fromCalendar(node: JsonNode, calendar: CalendarTime): Reading<number> {
  const micros = toMicros(calendar);
  if (typeof micros === "string") return { fault: `${show(node)} ${micros}` };
  if (calendar.zone !== undefined) return { value: micros };
  const iso = new Date(micros / 1000).toISOString();
  return { value: micros, assumed: `${show(node)} has no zone and was read as ${iso}` };
}

function parseIso(text: string): CalendarTime | undefined {
  const match = ISO_8601.exec(text);
  if (match === null) return undefined;
  const [, year, , month, day, hour, minute, second, fraction, zone] = match;
  return {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour ?? 0),
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
    fraction: fraction ?? "",
    zone,
  };
}

function parseMailDate(text: string): CalendarTime | undefined {
  const match = RFC_2822.exec(text);
  if (match === null) return undefined;
  const [, day, month = "", year, hour, minute, second, zone] = match;
  return {
    year: Number(year),
    month: MONTHS.indexOf(month.toLowerCase()) + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second ?? 0),
    fraction: "",
    zone,
  };
}

const ISO_8601 =
  /^(\d{4})([-/])(\d\d)\2(\d\d)(?:(?:T| +)(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: *(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?)?$/i;
const RFC_2822 =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +)?(\d{1,2}) +([A-Z]{3}) +(\d{4}) +(\d\d):(\d\d)(?::(\d\d))?(?: +(Z|UT|UTC|GMT|[+-]\d{4}))?(?: *\([^()]*\))?$/i;
const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const DAY_OR_MONTH_FIRST = /^\d{1,2}([-/.])\d{1,2}\1\d{2,4}(?!\d)/;
/** The longest form that is read, with a comment after an RFC 2822 date. */
const LONGEST = 80;
