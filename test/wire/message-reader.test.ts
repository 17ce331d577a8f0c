import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventInputSchema } from "../../gen/tally/v1/event_pb.js";
import { EventService } from "../../gen/tally/v1/event_service_pb.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService } from "../../gen/tally/v1/rejection_service_pb.js";
import { RunSchema } from "../../gen/tally/v1/run_pb.js";
import { ListResultsRequestSchema, StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { decodeMessage } from "../../src/wire/message-reader.js";
import { type AnyFields, fieldsOf } from "../support/any-fields.js";

const messages = new Set(
  [EventService, IngestService, RejectionService, StatsService, TenancyService]
    .flatMap(({ methods }) => methods)
    .flatMap(({ input, output }) => [input, output]),
);

describe.each([...messages].map((desc) => [desc.name, desc] as const))("%s", (_, desc) => {
  it("is read as protobuf-es reads it", () => {
    fc.assert(
      fc.property(fieldsOf(desc), (fields) => expectSame(desc, bytesOf(desc, fields))),
      { numRuns: 50 },
    );
  });

  it("is read or refused as protobuf-es does, in whatever bytes", () => {
    fc.assert(
      fc.property(fieldsOf(desc), damage, (fields, { at, byte, end }) => {
        const bytes = bytesOf(desc, fields);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        expectSame(desc, bytes.subarray(0, bytes.length - (end % (bytes.length + 1))));
      }),
      { numRuns: 200 },
    );
  });
});

it.each([
  ["fields that it does not know", "0a0172c83e05"],
  ["a field whose wire type is another", "0d01000000"],
  ["a message that comes twice", "1a060a046d61696e1a03120161"],
  ["text that is no UTF-8", "0a01ff"],
  ["a text with a byte order mark", "0a04efbbbf61"],
])("leaves %s to protobuf-es", (_, hex) => {
  expectSame(RunSchema, Buffer.from(hex, "hex"));
});

it("reads no further than to the end, whatever a list says of its length", () => {
  const { number } = ListResultsRequestSchema.field.statuses;
  const longest = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const bytes = Uint8Array.of(number * 8 + 2, ...longest, 1);
  expectSame(ListResultsRequestSchema, bytes);
});

it("leaves a Struct to protobuf-es", () => {
  const payload = { case: "fields", value: { a: [1, "x", null] } };
  expectSame(EventInputSchema, bytesOf(EventInputSchema, { payload, idempotencyKey: "k" }));
});

it("makes messages of their own", () => {
  const bytes = bytesOf(RunSchema, {});
  decodeMessage(RunSchema, bytes).labels["a"] = "b";
  expect(decodeMessage(RunSchema, bytes).labels).toEqual({});
});

/** A byte of the message that is another one, and how many of the last ones are missing: mostly none. */
const damage = fc.record({
  at: fc.nat(),
  byte: fc.nat({ max: 255 }),
  end: fc.oneof(fc.constant(0), fc.nat()),
});

function bytesOf(desc: DescMessage, fields: AnyFields): Uint8Array {
  return toBinary(desc, create(desc, fields));
}

function expectSame(desc: DescMessage, bytes: Uint8Array): void {
  for (const input of [bytes, Buffer.from(bytes)]) {
    expect(outcomeOf(() => decodeMessage(desc, input))).toEqual(
      outcomeOf(() => fromBinary(desc, input)),
    );
  }
}

/** What it answers, or throws. */
function outcomeOf(read: () => unknown): unknown {
  try {
    return { read: read() };
  } catch (error) {
    return { refused: String(error) };
  }
}
