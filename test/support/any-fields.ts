/** Any fields of any message, as an init shape. */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { anyKey } from "./any-result.js";

/** Fields of a message by their local names. */
export type AnyFields = Readonly<Record<string, unknown>>;

/** Any fields of the message, each of them also absent; messages within it down to four levels. */
export function fieldsOf(desc: DescMessage, depth = 4): Arbitrary<AnyFields> {
  const record: Record<string, Arbitrary<unknown>> = {};
  for (const field of desc.fields) {
    if (field.oneof !== undefined) continue;
    const value = anyOf(field, depth);
    if (value !== undefined) record[field.localName] = fc.option(value, { nil: undefined });
  }
  for (const group of desc.oneofs) {
    const choices = group.fields.flatMap((field) => {
      const value = anyOf(field, depth);
      return value === undefined ? [] : [fc.record({ case: fc.constant(field.localName), value })];
    });
    record[group.localName] = fc.oneof(fc.constant({ case: undefined }), ...choices);
  }
  return fc.record(record);
}

/** Undefined where it would go too deep. */
function anyOf(field: DescField, depth: number): Arbitrary<unknown> | undefined {
  const one = singleOf(field, depth);
  if (one === undefined) return undefined;
  if (field.fieldKind === "list") return fc.array(one, { maxLength: 3 });
  return field.fieldKind === "map" ? fc.dictionary(anyKey, one, { maxKeys: 3 }) : one;
}

function singleOf(field: DescField, depth: number): Arbitrary<unknown> | undefined {
  if (field.message !== undefined) {
    return depth === 0 ? undefined : fieldsOf(field.message, depth - 1);
  }
  if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map((v) => v.number));
  switch (field.scalar) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 200 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT32:
      return mostly(fc.nat(), fc.integer());
    case ScalarType.UINT32:
      return fc.nat({ max: 0xffffffff });
    case ScalarType.INT64:
      return mostly(fc.bigInt(0n, 2n ** 53n - 1n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n));
    case ScalarType.DOUBLE:
      return fc.double();
    default:
      throw new Error(`${field.toString()} has a kind that no answer had so far`);
  }
}

/** A value that protobuf-es has to write makes it write the whole message: most messages have none. */
function mostly<T>(usual: Arbitrary<T>, unusual: Arbitrary<T>): Arbitrary<T> {
  return fc.oneof({ arbitrary: usual, weight: 50 }, { arbitrary: unusual, weight: 1 });
}

const text = fc.string({ unit: "binary", maxLength: 200 });
