/**
 * Writes the protobuf wire format of fields as nearly all messages have them. Anything else throws UNUSUAL: the
 * caller then lets protobuf-es write the message.
 */

/** What has been written: the bytes before `at`. */
export interface Sink {
  buffer: Buffer;
  at: number;
}

/** Thrown at a value that protobuf-es must write or refuse. One object, since nobody sees its stack. */
const UNUSUAL = new Error("unusual value");

/** Begins a message field and answers where its content begins, for closeMessage. */
export function openMessage(sink: Sink, field: number, message: { $unknown?: unknown }): number {
  if (message.$unknown !== undefined) throw UNUSUAL;
  openField(sink, field, LENGTH_DELIMITED);
  return ++sink.at;
}

/** Ends the message field whose content begins at `start`: makes room for its length and writes it. */
export function closeMessage(sink: Sink, start: number): void {
  const length = sink.at - start;
  // One byte was left free, which is enough up to 127.
  let extra = 0;
  for (let rest = length; rest > 0x7f; rest >>>= 7) extra++;
  if (extra > 0) {
    reserve(sink, extra);
    sink.buffer.copyWithin(start + extra, start, sink.at);
  }
  sink.at = start - 1;
  writeVarint(sink, length);
  sink.at += length;
}

/** A string, left out if it is empty. */
export function writeText(sink: Sink, field: number, text: string): void {
  if (text !== "") writeItem(sink, field, text);
}

/** A string of a list or map, where an empty one counts. */
export function writeItem(sink: Sink, field: number, text: string): void {
  if (typeof text !== "string") throw UNUSUAL;
  openField(sink, field, LENGTH_DELIMITED);
  // A UTF-16 unit is at most three bytes. Short texts are the rule: their length is written afterwards.
  const maxBytes = text.length * 3;
  reserve(sink, maxBytes);
  if (maxBytes <= 0x7f) {
    const length = sink.buffer.write(text, sink.at + 1);
    sink.buffer[sink.at] = length;
    sink.at += 1 + length;
  } else {
    writeVarint(sink, Buffer.byteLength(text));
    sink.at += sink.buffer.write(text, sink.at);
  }
}

/** Bytes, left out if there are none. */
export function writeBytes(sink: Sink, field: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  openField(sink, field, LENGTH_DELIMITED);
  reserve(sink, bytes.length);
  writeVarint(sink, bytes.length);
  sink.buffer.set(bytes, sink.at);
  sink.at += bytes.length;
}

/** The entries of a map of texts. */
export function writeMap(sink: Sink, field: number, map: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(map)) {
    const start = openMessage(sink, field, NO_MESSAGE);
    writeItem(sink, 1, key);
    writeItem(sink, 2, value);
    closeMessage(sink, start);
  }
}

/** Enums that are not negative, in one field, which is left out if there are none. */
export function writePacked(sink: Sink, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  const start = openMessage(sink, field, NO_MESSAGE);
  for (const value of values) {
    if (!Number.isInteger(value) || value < 0 || value > MAX_INT32) throw UNUSUAL;
    reserve(sink, 0);
    writeVarint(sink, value);
  }
  closeMessage(sink, start);
}

/** An int32 or enum that is not negative; a 0 is left out unless the field has presence. */
export function writeInt32(sink: Sink, field: number, value: number, hasPresence = false): void {
  writeNumber(sink, field, value, MAX_INT32, hasPresence);
}

/** A uint32; a 0 is left out unless the field has presence. */
export function writeUint32(sink: Sink, field: number, value: number, hasPresence = false): void {
  writeNumber(sink, field, value, 0xffffffff, hasPresence);
}

/** An int64 from 0 to 2^53 - 1; a 0 is left out unless the field has presence. */
export function writeInt64(sink: Sink, field: number, value: bigint, hasPresence = false): void {
  if (typeof value !== "bigint") throw UNUSUAL;
  writeNumber(sink, field, Number(value), Number.MAX_SAFE_INTEGER, hasPresence);
}

/** A bool; false is left out unless the field has presence. */
export function writeBool(sink: Sink, field: number, value: boolean, hasPresence = false): void {
  if (typeof value !== "boolean") throw UNUSUAL;
  writeNumber(sink, field, value ? 1 : 0, 1, hasPresence);
}

/** A double, left out if it is 0; -0 is another value. */
export function writeDouble(sink: Sink, field: number, value: number): void {
  if (typeof value !== "number") throw UNUSUAL;
  if (Object.is(value, 0)) return;
  openField(sink, field, FIXED_64);
  sink.at = sink.buffer.writeDoubleLE(value, sink.at);
}

function writeNumber(
  sink: Sink,
  field: number,
  value: number,
  max: number,
  hasPresence: boolean,
): void {
  if (value === 0 && !hasPresence) return;
  if (!Number.isInteger(value) || value < 0 || value > max) throw UNUSUAL;
  openField(sink, field, VARINT);
  writeVarint(sink, value);
}

/** Also makes room for a number or a length. */
function openField(sink: Sink, field: number, wireType: number): void {
  reserve(sink, 0);
  writeVarint(sink, (field << 3) | wireType);
}

function writeVarint(sink: Sink, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    sink.buffer[sink.at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  sink.buffer[sink.at++] = rest;
}

/** Room for so many bytes, and for a tag and a number before them. */
function reserve(sink: Sink, bytes: number): void {
  const { buffer, at } = sink;
  const needed = at + bytes + TAG_AND_NUMBER_BYTES;
  if (needed <= buffer.length) return;
  sink.buffer = Buffer.allocUnsafe(Math.max(needed, buffer.length * 2));
  buffer.copy(sink.buffer, 0, 0, at);
}

const MAX_INT32 = 0x7fffffff;
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const TAG_AND_NUMBER_BYTES = 16;
const NO_MESSAGE = {};
