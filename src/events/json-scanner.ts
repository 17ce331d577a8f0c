/** The tokens of JSON (RFC 8259), and where a text departs from it. */
import { quote } from "../text.js";
import { JsonNumber } from "./json-tree.js";

/** Where reading stands in a text. */
export interface Cursor {
  readonly text: string;
  at: number;
}

/** Thrown where the text is not JSON. */
export class SyntaxFault extends Error {
  constructor(
    readonly at: number,
    message: string,
  ) {
    super(message);
  }
}

/** The fault that something else was expected here. */
export function unexpected({ text, at }: Cursor, expected: string): SyntaxFault {
  const code = text.codePointAt(at);
  const got = code === undefined ? "the event ends" : `got ${quote(String.fromCodePoint(code))}`;
  return new SyntaxFault(at, `expected ${expected}, ${got}`);
}

/** "line 1, column 17", both from 1; a column is a UTF-16 unit. */
export function position(text: string, at: number): string {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1 && end < at; end = text.indexOf("\n", start)) {
    line++;
    start = end + 1;
  }
  return `line ${line}, column ${at - start + 1}`;
}

/** Passes over white space, and over this character if it comes next; whether it did. */
export function take(cursor: Cursor, code: number): boolean {
  skipSpace(cursor);
  if (cursor.text.charCodeAt(cursor.at) !== code) return false;
  cursor.at++;
  return true;
}

/** Passes over white space. */
export function skipSpace(cursor: Cursor): void {
  const { text } = cursor;
  for (;;) {
    const code = text.charCodeAt(cursor.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    cursor.at++;
  }
}

/** The string that begins here. */
export function readString(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.at;
  let at = start + 1;
  let escaped = false;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) {
      escaped = true;
      at += 2;
    } else if (code >= 0x20) {
      at++;
    } else {
      // A control character, or NaN past the end.
      cursor.at = Math.min(at, text.length);
      throw unexpected(cursor, 'a character of a string or its closing "');
    }
  }
  cursor.at = at + 1;
  return escaped ? decodeEscapes(cursor, start) : text.slice(start + 1, at);
}

function decodeEscapes({ text, at }: Cursor, start: number): string {
  try {
    return JSON.parse(text.slice(start, at)) as string;
  } catch {
    throw new SyntaxFault(start, 'the string has a "\\" that begins no escape');
  }
}

/** The number that begins here. */
export function readNumber(cursor: Cursor): JsonNumber {
  const { text } = cursor;
  const start = cursor.at;
  if (text.charCodeAt(start) === MINUS) cursor.at++;
  if (text.charCodeAt(cursor.at) === ZERO) cursor.at++;
  else skipDigits(cursor, start);
  if (text.charCodeAt(cursor.at) === POINT) {
    cursor.at++;
    skipDigits(cursor, start);
  }
  const code = text.charCodeAt(cursor.at);
  if (code === 0x65 || code === 0x45) {
    cursor.at++;
    const sign = text.charCodeAt(cursor.at);
    if (sign === PLUS || sign === MINUS) cursor.at++;
    skipDigits(cursor, start);
  }
  return new JsonNumber(text.slice(start, cursor.at));
}

/** At least one digit. */
function skipDigits(cursor: Cursor, start: number): void {
  const { text } = cursor;
  const first = cursor.at;
  while (isDigit(text.charCodeAt(cursor.at))) cursor.at++;
  if (cursor.at > first) return;
  throw unexpected(cursor, first === start ? "a value" : "a digit");
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39;
}

/** The value of a word that comes next. */
export function readWord<T>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.at)) throw unexpected(cursor, "a value");
  cursor.at += word.length;
  return value;
}

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
