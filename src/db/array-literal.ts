/**
 * Postgres array literals. A statement takes a column of a batch as one text parameter with a cast
 * (`$2::bigint[]`), so that one prepared statement serves every row count; postgres.js would make a new one
 * for each. Building the text here costs about 0.1 µs a value.
 */

/** Numbers, booleans or decimal strings; null is NULL. No value is quoted, so none may need it. */
export function plainArray(values: readonly (number | string | boolean | null)[]): string {
  let out = "{";
  for (let i = 0; i < values.length; i++) {
    if (i > 0) out += ",";
    out += values[i] ?? "NULL";
  }
  return `${out}}`;
}

/** Texts, quoted and escaped; null is NULL. */
export function textArray(values: readonly (string | null)[]): string {
  let out = "{";
  for (let i = 0; i < values.length; i++) {
    if (i > 0) out += ",";
    const value = values[i];
    if (value === null || value === undefined) out += "NULL";
    else out += SPECIAL.test(value) ? `"${value.replace(ESCAPED, "\\$&")}"` : `"${value}"`;
  }
  return `${out}}`;
}

/** Bytes, as hex; null is NULL. */
export function byteaArray(values: readonly (Uint8Array | null)[]): string {
  let out = "{";
  for (let i = 0; i < values.length; i++) {
    if (i > 0) out += ",";
    const value = values[i];
    if (value === null || value === undefined) out += "NULL";
    else {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      out += `"\\\\x${bytes.toString("hex")}"`;
    }
  }
  return `${out}}`;
}

/** Reads what Postgres sends for an array of integers; null is the empty list. */
export function parseIntegers(literal: string | null): number[] {
  if (literal === null || literal === "{}") return [];
  return literal.slice(1, -1).split(",").map(Number);
}

const SPECIAL = /["\\]/;
const ESCAPED = /["\\]/g;
