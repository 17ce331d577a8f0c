import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventInputSchema } from "../../gen/tally/v1/event_pb.js";
import { EventService } from "../../gen/tally/v1/event_service_pb.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService } from "../../gen/tally/v1/rejection_service_pb.js";
import { RunSchema } from "../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { encodeFields, type Fields } from "../../src/wire/message-writer.js";
import { fieldsOf } from "../support/any-fields.js";

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
