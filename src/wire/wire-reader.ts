/**
 * Reads the protobuf wire format as encoders normally write it. Anything else throws UNUSUAL: the caller then
 * lets protobuf-es read the message.
 */
import { PROTOTYPE_KEY } from "./prototype-keys.js";

/** Where reading stands. */
export interface Cursor {
  /** What is read, as it came. */
  readonly bytes: Uint8Array;
  readonly buffer: Buffer;
  at: number;
  /** Of the field that was read last. */
  wireType: number;
}

/** Thrown at bytes that protobuf-es must judge. One object, since nobody sees its stack. */
export const UNUSUAL = new Error("unusual bytes");

/** A cursor at the first byte. */
export function openCursor(bytes: Uint8Array): Cursor {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes, buffer, at: 0, wireType: 0 };
}

/** The number of the next field. */
export function readField(cursor: Cursor): number {
  const start = cursor.at;
  const tag = readVarint(cursor);
  // Two bytes hold every field number that we read, 1 to 2047.
  if (cursor.at - start > 2) throw UNUSUAL;
  cursor.wireType = tag & 7;
  return tag >>> 3;
}

/** Where the message, list, text or bytes end that begin here: not behind the end of all. */
export function endOf(cursor: Cursor): number {
  if (cursor.wireType !== LENGTH_DELIMITED) throw UNUSUAL;
  const end = readVarint(cursor) + cursor.at;
  if (end > cursor.buffer.length) throw UNUSUAL;
  return end;
}

/** The value, if what was read ends where it should; it would else have read what is not its own. */
export function atEnd<T>(value: T, cursor: Cursor, end: number): T {
  if (cursor.at !== end) throw UNUSUAL;
  return value;
}

/** The value of a message field that was not there before: two of them would be merged. */
export function once<T>(before: T | undefined, value: T): T {
  if (before !== undefined) throw UNUSUAL;
  return value;
}

/** A string. */
export function readText(cursor: Cursor): string {
  const { buffer } = cursor;
  const end = endOf(cursor);
  const start = cursor.at;
  cursor.at = end;
  const text = buffer.toString("utf8", start, end);
  // This decoding replaces what is no UTF-8; the strict one is slower, throws, and drops a byte order mark.
  if (text.includes("\ufffd") || text.startsWith("\ufeff")) {
    return new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(start, end));
  }
  return text;
}

/** Passes over a number or over the bytes of a text or message. */
export function skipValue(cursor: Cursor): void {
  if (cursor.wireType === LENGTH_DELIMITED) cursor.at = endOf(cursor);
  else if (cursor.wireType === VARINT) readVarint(cursor);
  else throw UNUSUAL;
}

/** An int32 or enum that is not negative. */
export function readInt32(cursor: Cursor): number {
  return readNumber(cursor, 0x7fffffff);
}

/** A uint32. */
export function readUint32(cursor: Cursor): number {
  return readNumber(cursor, 0xffffffff);
}

/** An int64 from 0 to 2^49 - 1. */
export function readInt64(cursor: Cursor): bigint {
  const value = readNumber(cursor, Number.MAX_SAFE_INTEGER);
  return value === 0 ? 0n : BigInt(value);
}

/** A bool. */
export function readBool(cursor: Cursor): boolean {
  return readNumber(cursor, 1) === 1;
}

/** A double. */
export function readDouble(cursor: Cursor): number {
  if (cursor.wireType !== FIXED64) throw UNUSUAL;
  cursor.at += 8;
  return cursor.buffer.readDoubleLE(cursor.at - 8);
}

/** Bytes: a view of those that are read, a Buffer of a Buffer. */
export function readBytes(cursor: Cursor): Uint8Array {
  const { bytes } = cursor;
  const end = endOf(cursor);
  const start = cursor.at;
  cursor.at = end;
  return bytes.subarray(start, end);
}

/** Adds the numbers of a packed list of int32 or enums, none of them negative. */
export function readPacked(cursor: Cursor, list: number[]): void {
  const end = endOf(cursor);
  cursor.wireType = VARINT;
  while (cursor.at < end) list.push(readInt32(cursor));
  atEnd(list, cursor, end);
}

/** Puts an entry into a map of texts; a later one of the same key replaces the earlier. */
export function readEntry(cursor: Cursor, map: Record<string, string>): void {
  let key = "";
  let value = "";
  const end = endOf(cursor);
  while (cursor.at < end) {
    switch (readField(cursor)) {
      case 1:
        key = readText(cursor);
        break;
      case 2:
        value = readText(cursor);
        break;
      default:
        throw UNUSUAL;
    }
  }
  // A key that assignment loses; checks refuse it.
  if (key === PROTOTYPE_KEY)
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true });
  else map[key] = value;
  atEnd(map, cursor, end);
}

function readNumber(cursor: Cursor, max: number): number {
  if (cursor.wireType !== VARINT) throw UNUSUAL;
  const value = readVarint(cursor);
  if (value > max) throw UNUSUAL;
  return value;
}

/** Up to 7 bytes: 49 bits, which a double holds. Past the end of the bytes come zeros; atEnd finds that out. */
function readVarint(cursor: Cursor): number {
  const { buffer } = cursor;
  let value = 0;
  for (let factor = 1; factor < 2 ** 49; factor *= 0x80) {
    const byte = buffer[cursor.at++] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
  throw UNUSUAL;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
