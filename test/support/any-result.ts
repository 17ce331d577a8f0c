/** Results of any content, for property tests of what reads and writes them. */
import { type DescMessage, type MessageInitShape, ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";
import type { TestResultSchema } from "../../gen/tally/v1/run_pb.js";

/** A result as a caller writes it. */
export type ResultInit = MessageInitShape<typeof TestResultSchema>;

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const uint32 = fc.nat({ max: 0xffffffff });
const time = fc.record({
  seconds: fc.bigInt({ min: 0n, max: 2n ** 49n - 1n }),
  nanos: fc.nat({ max: 999_999_999 }),
});
/** A key of a map, but `__proto__`: protobuf-es loses an entry of that name when it makes or reads a message. */
export const anyKey = text.filter((key) => key !== "__proto__");
const map = fc.dictionary(anyKey, text, { maxKeys: 3 });

/** Any fields, each with any value that an encoder writes as it stands. */
export const anyResult: fc.Arbitrary<ResultInit> = fc.record(
  {
    resultId: text,
    test: fc.record(
      { suite: text, file: text, name: text, parameters: text, variant: map },
      { requiredKeys: [] },
    ),
    status: fc.nat({ max: 9 }),
    rawStatus: text,
    attempt: uint32,
    repeatIndex: uint32,
    startTime: time,
    duration: time,
    failure: fc.record(
      { kind: text, message: text, type: text, trace: text, expected: text, actual: text },
      { requiredKeys: [] },
    ),
    skipReason: text,
    location: fc.record({ file: text, line: uint32 }),
    stdout: text,
    stderr: fc.string({ unit: "grapheme", minLength: 100, maxLength: 300 }),
    tags: map,
    truncations: fc.array(fc.record({ field: text, originalBytes: time.map((t) => t.seconds) })),
    repairedFields: fc.array(text),
  },
  { requiredKeys: [] },
);

/** Every field of the message and of those inside it, set to other than its default. */
export function everyField(desc: DescMessage): Record<string, unknown> {
  const fields = desc.fields.map((field) => {
    if (field.fieldKind === "map") return [field.localName, { key: "x" }];
    const value =
      field.message === undefined ? scalarValue(field.scalar) : everyField(field.message);
    return [field.localName, field.fieldKind === "list" ? [value] : value];
  });
  return Object.fromEntries(fields);
}

/** Enums have no scalar type. */
function scalarValue(type: ScalarType | undefined) {
  if (type === ScalarType.STRING) return "x";
  return type === ScalarType.INT64 ? 3n : 3;
}
