/**
 * Reads messages in one pass, by a list of readers made once for each kind of message, where protobuf-es looks every
 * field up. What is not as encoders normally write it is left to protobuf-es, which so decides alone what is merged,
 * kept as unknown, or an error.
 */
import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import {
  atEnd,
  type Cursor,
  endOf,
  openCursor,
  readBool,
  readBytes,
  readDouble,
  readEntry,
  readField,
  readInt32,
  readInt64,
  readPacked,
  readText,
  readUint32,
  UNUSUAL,
} from "./wire-reader.js";

/** The message of binary protobuf; throws what protobuf-es throws. */
export function decodeMessage<Desc extends DescMessage>(
  desc: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  return readMessage(desc, bytes) ?? fromBinary(desc, bytes);
}

/** The message, if its bytes are as encoders normally write them; else it is for protobuf-es to read. */
export function readMessage<Desc extends DescMessage>(
  desc: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> | undefined {
  try {
    return readerOf(desc)?.(openCursor(bytes), bytes.length) as MessageShape<Desc> | undefined;
  } catch {
    return undefined;
  }
}

type Fields = Record<string, unknown>;
/** Reads the message that ends there. */
type Read = (cursor: Cursor, end: number) => Fields;
type ReadField = (message: Fields, cursor: Cursor) => void;
type ReadValue = (cursor: Cursor) => unknown;

const readers = new WeakMap<DescMessage, Read | null>();

/** Null for messages that have fields of unusual kinds. Made once for each message. */
function readerOf(desc: DescMessage): Read | null {
  const known = readers.get(desc);
  if (known !== undefined) return known;
  // A message that holds itself is not usual.
  readers.set(desc, null);
  const made = makeReader(desc);
  readers.set(desc, made);
  return made;
}

function makeReader(desc: DescMessage): Read | null {
  // JSON stands for a Struct, and plain values for wrappers.
  if (desc.file.proto.package === "google.protobuf" && !USUAL_TYPES.has(desc.name)) return null;
  const fields: ReadField[] = [];
  for (const field of desc.fields) {
    const read = fieldReader(field);
    if (read === null) return null;
    fields[field.number] = read;
  }
  const make = makerOf(desc);
  return (cursor, end) => {
    const message = make();
    while (cursor.at < end) {
      const read = fields[readField(cursor)];
      if (read === undefined) throw UNUSUAL;
      read(message, cursor);
    }
    return atEnd(message, cursor, end);
  };
}

const USUAL_TYPES: ReadonlySet<string> = new Set(["Timestamp", "Duration", "Empty"]);

/** Makes empty messages: what can change is made anew for each. */
function makerOf(desc: DescMessage): () => Fields {
  const zero = { ...create(desc) } as Fields;
  const lists: string[] = [];
  const maps: string[] = [];
  const groups = desc.oneofs.map(({ localName }) => localName);
  for (const { fieldKind, localName } of desc.fields) {
    if (fieldKind === "list") lists.push(localName);
    if (fieldKind === "map") maps.push(localName);
  }
  return () => {
    const message = { ...zero };
    for (const name of lists) message[name] = [];
    for (const name of maps) message[name] = {};
    for (const name of groups) message[name] = { case: undefined };
    return message;
  };
}

/** Null for a field of an unusual kind. */
function fieldReader(field: DescField): ReadField | null {
  const { localName } = field;
  switch (field.fieldKind) {
    case "message": {
      const read = field.delimitedEncoding ? null : messageReader(field.message);
      return read && setOnce(field, read);
    }
    case "list": {
      if (field.listKind === "message") {
        const read = field.delimitedEncoding ? null : messageReader(field.message);
        return read && addTo(localName, read);
      }
      if (field.listKind === "enum") {
        return (message, cursor) => readPacked(cursor, message[localName] as number[]);
      }
      return field.scalar === ScalarType.STRING ? addTo(localName, readText) : null;
    }
    case "map":
      return field.mapKind === "scalar" &&
        field.mapKey === ScalarType.STRING &&
        field.scalar === ScalarType.STRING
        ? (message, cursor) => readEntry(cursor, message[localName] as Record<string, string>)
        : null;
    default: {
      const read =
        field.fieldKind === "enum" ? readInt32 : (scalarReaders.get(field.scalar) ?? null);
      return read && set(field, read);
    }
  }
}

function messageReader(desc: DescMessage): ReadValue | null {
  const read = isWrapperDesc(desc) ? null : readerOf(desc);
  return read && ((cursor) => read(cursor, endOf(cursor)));
}

/** The last value of a field counts. */
function set({ localName, oneof }: DescField, read: ReadValue): ReadField {
  if (oneof === undefined) {
    return (message, cursor) => {
      message[localName] = read(cursor);
    };
  }
  const group = oneof.localName;
  return (message, cursor) => {
    message[group] = { case: localName, value: read(cursor) };
  };
}

/** Two messages of one field would be merged. */
function setOnce({ localName, oneof }: DescField, read: ReadValue): ReadField {
  if (oneof === undefined) {
    return (message, cursor) => {
      if (message[localName] !== undefined) throw UNUSUAL;
      message[localName] = read(cursor);
    };
  }
  const group = oneof.localName;
  return (message, cursor) => {
    if ((message[group] as { case?: string }).case !== undefined) throw UNUSUAL;
    message[group] = { case: localName, value: read(cursor) };
  };
}

function addTo(name: string, read: ReadValue): ReadField {
  return (message, cursor) => {
    (message[name] as unknown[]).push(read(cursor));
  };
}

const scalarReaders: ReadonlyMap<ScalarType, ReadValue> = new Map<ScalarType, ReadValue>([
  [ScalarType.STRING, readText],
  [ScalarType.BYTES, readBytes],
  [ScalarType.BOOL, readBool],
  [ScalarType.INT32, readInt32],
  [ScalarType.UINT32, readUint32],
  [ScalarType.INT64, readInt64],
  [ScalarType.DOUBLE, readDouble],
]);
