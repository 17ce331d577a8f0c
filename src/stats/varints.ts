/** Numbers in as few bytes as they need: 7 bits a byte, the lowest first, the high bit set where more follow (LEB128). */

/** Where reading stands. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** The number at the cursor, which then stands behind it. Throws RangeError where it does not end in time. */
export function readVarint(cursor: Cursor): number {
  const { bytes } = cursor;
  const first = bytes[cursor.at++];
  // Nearly all numbers are less than 128.
  if (first !== undefined && first < 0x80) return first;
  let value = (first ?? 0) & 0x7f;
  for (let factor = 0x80; factor < MAX_FACTOR; factor *= 0x80) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
  throw new RangeError("the bytes end within a number, or it has more than 53 bits");
}

/** Writes the number at this place, where there must be room. Where it ends. Throws RangeError unless 0 to 2^53 - 1. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${value} is no whole number of 53 bits`);
  }
  let rest = value;
  let end = at;
  // Four bytes a division: dividing doubles by 128 takes three times as long.
  while (rest >= 2 ** 28) {
    const high = Math.floor(rest / 2 ** 28);
    let low = rest - high * 2 ** 28;
    for (let i = 0; i < 4; i++, low >>>= 7) bytes[end++] = (low & 0x7f) | 0x80;
    rest = high;
  }
  for (; rest >= 0x80; rest >>>= 7) bytes[end++] = (rest & 0x7f) | 0x80;
  bytes[end++] = rest;
  return end;
}

/** 0, -1, 1, -2, … as 0, 1, 2, 3, …: what is near 0 stays short. From -2^52 to 2^52 - 1. */
export function toZigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** The number that toZigzag wrote so. */
export function fromZigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** 8 bytes hold 56 bits. */
const MAX_FACTOR = 2 ** 56;
