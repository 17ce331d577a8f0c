/** Decimal numbers as exact text: never a double. */
import { limits } from "../limits.js";
import type { Reading } from "./reading.js";

/**
 * The canonical text of a decimal number: no exponent, no plus, no superfluous zero, no negative zero. Takes
 * what JSON takes, and `+1`, `.5`, `5.` and `007`. Undefined for anything else.
 */
export function readDecimal(text: string): Reading<string> | undefined {
  if (isPlainInteger(text)) return { value: text };
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = whole + fraction;
  const first = digits.search(/[1-9]/);
  if (first === -1) return { value: "0" };
  const end = lastNonZero(digits) + 1;
  // Where the decimal point stands, counted from the first digit; too far away is Infinity at worst.
  const point = whole.length + Number(exponent);
  if (point - first > limits.amountIntegerDigits) return { fault: TOO_LARGE };
  if (end - point > limits.amountFractionDigits) return { fault: TOO_FINE };
  return { value: (sign === "-" ? "-" : "") + place(digits, first, end, point) };
}

/** The digits from `first` to `end` with the decimal point before the digit at `point`. */
function place(digits: string, first: number, end: number, point: number): string {
  if (point <= first) return `0.${"0".repeat(first - point)}${digits.slice(first, end)}`;
  if (point >= end) return digits.slice(first, end) + "0".repeat(point - end);
  return `${digits.slice(first, point)}.${digits.slice(point, end)}`;
}

/** Up to 15 digits without a leading zero: what nearly every amount is. */
function isPlainInteger(text: string): boolean {
  const { length } = text;
  if (length === 0 || length > 15) return false;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return length === 1 || text.charCodeAt(0) !== 0x30;
}

function lastNonZero(digits: string): number {
  let at = digits.length - 1;
  while (digits.charCodeAt(at) === 0x30) at--;
  return at;
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const TOO_LARGE = `has more than ${limits.amountIntegerDigits} digits before the decimal point`;
const TOO_FINE = `has more than ${limits.amountFractionDigits} digits after the decimal point`;
