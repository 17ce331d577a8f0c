import { create, type DescMessage, toBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { IngestEventsRequestSchema } from "../../gen/tally/v1/event_service_pb.js";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { fieldViolations } from "../../src/client/index.js";
import { limits } from "../../src/limits.js";
import { decodeBinary, decodeJson } from "../../src/server/decode.js";

const requests: [
  string,
  string,
  DescMessage,
  (count: number) => Uint8Array,
  (n: number) => string,
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

function violations(decode: () => unknown) {
  try {
    decode();
  } catch (error) {
    return fieldViolations(error);
  }
  return [];
}

describe.each(requests)("a %s", (_, field, desc, binary, json) => {
  const max = limits.resultsPerMessage;
  const what = field.split(".").at(-1);
  const tooMany = [{ field, description: `has ${max + 1} ${what}, at most ${max}` }];

  it("with as many results as a message may have is read", () => {
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
