import {
  create,
  type DescMessage,
  type JsonObject,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import {
  IngestEventRequestSchema,
  IngestEventsRequestSchema,
} from "../../gen/tally/v1/event_service_pb.js";
import {
  IngestRunRequestSchema,
  UploadResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { findPrototypeKey } from "../../src/wire/prototype-keys.js";

/** A message in which `proto.key` stands where `__proto__` shall: protobuf-es itself cannot write it in a Struct. */
function bytesOf<Desc extends DescMessage>(desc: Desc, init: MessageInitShape<Desc>): Uint8Array {
  const bytes = Buffer.from(toBinary(desc, create(desc, init)));
  for (let at = bytes.indexOf("proto.key"); at >= 0; at = bytes.indexOf("proto.key", at)) {
    bytes.write("__proto__", at);
  }
  return bytes;
}

const labelled = { run: { runId: "r", labels: { a: "1", "proto.key": "2" } } };
const nested = { a: [1, { b: { "proto.key": null } }] };
const result = (name: string, tags = {}) => ({ test: { name, variant: { os: "x" } }, tags });

const eventOf = (value: JsonObject) => ({ payload: { case: "fields" as const, value } });
const frameOf = <V>(value: V) => ({ frame: { case: "batch" as const, value } });
const cases: [string, DescMessage, Uint8Array][] = [
  ["run.labels", IngestRunRequestSchema, bytesOf(IngestRunRequestSchema, labelled)],
  [
    "results[1].tags",
    IngestRunRequestSchema,
    bytesOf(IngestRunRequestSchema, { results: [result("a"), result("b", { "proto.key": "" })] }),
  ],
  [
    "batch.results[0].test.variant",
    UploadResultsRequestSchema,
    bytesOf(
      UploadResultsRequestSchema,
      frameOf({ results: [{ test: { variant: { "proto.key": "x" } } }] }),
    ),
  ],
  [
    "event.fields",
    IngestEventRequestSchema,
    bytesOf(IngestEventRequestSchema, { event: eventOf(nested) }),
  ],
  [
    "batch.events[1].fields",
    IngestEventsRequestSchema,
    bytesOf(IngestEventsRequestSchema, frameOf({ events: [eventOf({ a: 1 }), eventOf(nested)] })),
  ],
];

it.each(cases)("finds the key in %s", (path, desc, bytes) => {
  expect(findPrototypeKey(desc, bytes)).toBe(path);
});

it("takes no text for a key", () => {
  const texts = {
    run: { runId: "__proto__", labels: { a: "__proto__" } },
    results: [result("__proto__")],
  };
  expect(findPrototypeKey(IngestRunRequestSchema, bytesOf(IngestRunRequestSchema, texts))).toBe(
    undefined,
  );
});

it("leaves bytes that are no message to others", () => {
  expect(findPrototypeKey(IngestRunRequestSchema, Buffer.from("__proto__"))).toBe(undefined);
});
