/**
 * Finds map keys named `__proto__`. protobuf-es puts entries into plain objects, of which such a key sets the prototype:
 * the entry would be lost without a word.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export const PROTOTYPE_KEY = "__proto__";

/** Completes the name of the map or Struct that has one. */
export const PROTOTYPE_KEY_FAULT = `has the key "${PROTOTYPE_KEY}", which JavaScript programs take for a prototype`;

/**
 * The path in proto names (`run.labels`) of the first map or Struct in a binary message that has one. Undefined also if the
 * bytes are no message: what is wrong with them, decoding says.
 */
export function findPrototypeKey(desc: DescMessage, bytes: Uint8Array): string | undefined {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(PROTOTYPE_KEY))
    return undefined;
  try {
    return findInMessage(desc, new BinaryReader(bytes), bytes.length, []);
  } catch {
    return undefined;
  }
}

function findInMessage(
  desc: DescMessage,
  reader: BinaryReader,
  end: number,
  path: readonly string[],
): string | undefined {
  const counts: number[] = [];
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = desc.fields.find((known) => known.number === number);
    if (field === undefined || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number);
      continue;
    }
    const fieldEnd = reader.uint32() + reader.pos;
    const index = counts[number] ?? 0;
    counts[number] = index + 1;
    const name = field.fieldKind === "list" ? `${field.name}[${index}]` : field.name;
    // The names within a Struct are not those that anybody wrote.
    const at = desc.typeName.startsWith("google.protobuf.") ? path : [...path, name];
    const found = findInField(field, reader, fieldEnd, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findInField(
  field: DescField,
  reader: BinaryReader,
  end: number,
  path: readonly string[],
): string | undefined {
  if (field.fieldKind === "map") return findInEntry(field, reader, end, path);
  if (field.message !== undefined) return findInMessage(field.message, reader, end, path);
  reader.pos = end;
  return undefined;
}

function findInEntry(
  field: DescField,
  reader: BinaryReader,
  end: number,
  path: readonly string[],
): string | undefined {
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === KEY && wireType === WireType.LengthDelimited) {
      if (reader.string() === PROTOTYPE_KEY) return path.join(".");
    } else if (number === VALUE && field.message !== undefined) {
      const found = findInMessage(field.message, reader, reader.uint32() + reader.pos, path);
      if (found !== undefined) return found;
    } else {
      reader.skip(wireType, number);
    }
  }
  return undefined;
}

/** The fields of a map's entry. */
const KEY = 1;
const VALUE = 2;
