import { create, type DescMessage, type Message, toBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  IngestEventRequestSchema,
  IngestEventsRequestSchema,
} from "../../gen/tally/v1/event_service_pb.js";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import {
  DismissRejectionsRequestSchema,
  ReplayRejectionsRequestSchema,
} from "../../gen/tally/v1/rejection_service_pb.js";
import { fieldViolations } from "../../src/client/index.js";
import { limits } from "../../src/limits.js";
import { decodeBinary, decodeJson } from "../../src/server/decode.js";

const requests: [
  string,
  string,
  DescMessage,
  (count: number) => Uint8Array,
  (n: number) => string,
  max?: number,
][] = [];
for (const desc of [PublishResultsRequestSchema, UploadResultsRequestSchema]) {
  const request = (count: number) =>
    create(desc, { frame: { case: "batch", value: { results: new Array(count).fill({}) } } });
  requests.push([
    desc.name,
    "batch.results",
    desc,
    (count) => toBinary(desc, request(count)),
    (count) => JSON.stringify(toJson(desc, request(count))),
  ]);
}
{
  const desc = IngestRunRequestSchema;
  const request = (count: number) => create(desc, { results: new Array(count).fill({}) });
  requests.push([
    desc.name,
    "results",
    desc,
    (count) => toBinary(desc, request(count)),
    (count) => JSON.stringify(toJson(desc, request(count))),
  ]);
}
{
  const desc = IngestEventsRequestSchema;
  const request = (count: number) =>
    create(desc, { frame: { case: "batch", value: { events: new Array(count).fill({}) } } });
  requests.push([
    desc.name,
    "batch.events",
    desc,
    (count) => toBinary(desc, request(count)),
    (count) => JSON.stringify(toJson(desc, request(count))),
  ]);
}
{
  const desc = ReplayRejectionsRequestSchema;
  const request = (count: number) => create(desc, { entries: new Array(count).fill({}) });
  requests.push([
    desc.name,
    "entries",
    desc,
    (count) => toBinary(desc, request(count)),
    (count) => JSON.stringify(toJson(desc, request(count))),
    limits.rejectionsPerCall,
  ]);
}

function violations(decode: () => unknown) {
  try {
    decode();
  } catch (error) {
    return fieldViolations(error);
  }
  return [];
}

describe.each(requests)("a %s", (_, field, desc, binary, json, max = limits.resultsPerMessage) => {
  const what = field.split(".").at(-1);
  const tooMany = [{ field, description: `has ${max + 1} ${what}, at most ${max}` }];

  it("with as many items as a message may have is read", () => {
    expect(violations(() => decodeBinary(desc, binary(max)))).toEqual([]);
    expect(violations(() => decodeJson(desc, Buffer.from(json(max))))).toEqual([]);
  });

  it("with more is refused before they are read", () => {
    expect(violations(() => decodeBinary(desc, binary(max + 1)))).toEqual(tooMany);
    expect(violations(() => decodeJson(desc, Buffer.from(json(max + 1))))).toEqual(tooMany);
    // Nothing behind them is looked at, although it is no protobuf.
    const broken = Buffer.concat([binary(max + 1), Buffer.of(0x0a, 0xff)]);
    expect(violations(() => decodeBinary(desc, broken))).toEqual(tooMany);
  });

  it.each([
    ["an unknown field with a long tag", [0xf8, 0x80, 0x80, 0x80, 0x01, 0x01]],
    ["an unknown negative number", [0x78, ...new Array(9).fill(0xff), 0x01]],
    ["unknown fixed numbers", [0x79, 0, 0, 0, 0, 0, 0, 0, 0, 0x7d, 0, 0, 0, 0]],
    ["an unknown group", [0x7b, 0x7c]],
  ])("with more behind %s is refused too", (_name, before) => {
    const bytes = Buffer.concat([Buffer.from(before), binary(max + 1)]);
    expect(violations(() => decodeBinary(desc, bytes))).toEqual(tooMany);
  });
});

it("counts the ids of a dismissal before they are read", () => {
  const desc = DismissRejectionsRequestSchema;
  const max = limits.rejectionsPerCall;
  const binary = (count: number) =>
    toBinary(desc, create(desc, { rejectionIds: new Array(count).fill("") }));
  expect(violations(() => decodeBinary(desc, binary(max)))).toEqual([]);
  expect(violations(() => decodeBinary(desc, binary(max + 1)))).toEqual([
    { field: "rejection_ids", description: `has ${max + 1} entries, at most ${max}` },
  ]);
});

describe("the values in the Structs of a message", () => {
  const max = limits.valuesPerMessage;
  /** An event of so many values, at least 4, some within others. */
  const event = (count: number) => {
    const list = [...new Array(count - 4).fill(null), { a: "x" }];
    return { payload: { case: "fields" as const, value: { list, of: true } } };
  };
  const one = (count: number) => create(IngestEventRequestSchema, { event: event(count) });
  const many = (count: number) =>
    create(IngestEventsRequestSchema, {
      frame: { case: "batch", value: { events: [event(100_000), event(count - 100_000)] } },
    });

  it.each<[string, DescMessage, (count: number) => Message]>([
    ["event.fields", IngestEventRequestSchema, one],
    ["batch.events", IngestEventsRequestSchema, many],
  ])("are bounded: %s", (field, desc, request) => {
    const binary = (count: number) => toBinary(desc, request(count));
    const json = (count: number) => Buffer.from(JSON.stringify(toJson(desc, request(count))));
    const tooMany = [{ field, description: `has ${max + 1} values, at most ${max}` }];
    expect(violations(() => decodeBinary(desc, binary(max)))).toEqual([]);
    expect(violations(() => decodeJson(desc, json(max)))).toEqual([]);
    expect(violations(() => decodeBinary(desc, binary(max + 1)))).toEqual(tooMany);
    expect(violations(() => decodeJson(desc, json(max + 1)))).toEqual(tooMany);
  });

  it("are left to the decoder where they are nested deeper than it reads", () => {
    const desc = IngestEventRequestSchema;
    const depth = 100_000;
    const text = `{"event":{"fields":{"a":${"[".repeat(depth)}${"]".repeat(depth)}}}}`;
    expect(violations(() => decodeJson(desc, Buffer.from(text)))).toMatchObject([{}]);
    const parts: Buffer[] = [];
    let length = 0;
    const wrap = (tag: number, before: readonly number[] = []) => {
      const head = Buffer.of(...before, tag, ...varint(length));
      parts.unshift(head);
      length += head.length;
    };
    for (let level = 0; level < 1000; level++) {
      wrap(0x0a);
      wrap(0x32);
    }
    wrap(0x12, [0x0a, 1, 0x61]);
    for (const tag of [0x0a, 0x12, 0x12]) wrap(tag);
    expect(violations(() => decodeBinary(desc, Buffer.concat(parts)))).toMatchObject([{}]);
  });
});

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
}
