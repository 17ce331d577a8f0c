import {
  create,
  type DescField,
  type DescMessage,
  type MessageInitShape,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { describe, expect, it } from "vitest";
import { EventInputSchema } from "../../gen/tally/v1/event_pb.js";
import { EventService } from "../../gen/tally/v1/event_service_pb.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService } from "../../gen/tally/v1/rejection_service_pb.js";
import { RunSchema } from "../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { encodeFields, type Fields } from "../../src/server/message-writer.js";
import { anyKey } from "../support/any-result.js";

const outputs = [EventService, IngestService, RejectionService, StatsService, TenancyService]
  .flatMap(({ methods }) => methods)
  .map(({ output }) => output);

describe("answers are written as protobuf-es writes them", () => {
  it.each(outputs.map((desc) => [desc.name, desc] as const))("%s", (_, desc) => {
    fc.assert(
      fc.property(fieldsOf(desc), (fields) => expectSameBytes(desc, fields)),
      { numRuns: 100 },
    );
  });
});

it("writes whole messages too, with the fields that it does not know", () => {
  const known = create(RunSchema, { runId: "r", source: { branch: "main" }, labels: { a: "" } });
  expectSameBytes(RunSchema, known as unknown as Fields);
  const unknown = { no: 200, wireType: 0, data: Uint8Array.of(5) };
  known.$unknown = [unknown];
  expectSameBytes(RunSchema, known as unknown as Fields);
  const inside = create(RunSchema, { source: { branch: "main" } });
  if (inside.source) inside.source.$unknown = [unknown];
  expectSameBytes(RunSchema, inside as unknown as Fields);
});

it("leaves a Struct to protobuf-es", () => {
  const payload = { case: "fields", value: { a: [1, "x", null] } };
  expectSameBytes(EventInputSchema, { payload, idempotencyKey: "k" });
});

it("refuses what protobuf-es refuses", () => {
  expect(() => encodeFields(RunSchema, { state: 1.5 })).toThrow();
});

function expectSameBytes(desc: DescMessage, fields: Fields): void {
  const message = create(desc, fields as MessageInitShape<DescMessage>);
  expect(Buffer.from(encodeFields(desc, fields))).toEqual(Buffer.from(toBinary(desc, message)));
}

/** Any fields of the message, each of them also absent; messages within it down to four levels. */
function fieldsOf(desc: DescMessage, depth = 4): Arbitrary<Fields> {
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
