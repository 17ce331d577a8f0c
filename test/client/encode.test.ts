import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { type Status, type TestResult, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { createResult } from "../../src/client/create-result.js";
import { encodeMessage } from "../../src/client/encode.js";
import { writeBatchFrame, writeRunRequest } from "../../src/client/result-writer.js";
import { anyResult, everyField, type ResultInit } from "../support/any-result.js";

function frame(results: ResultInit[]) {
  return create(PublishResultsRequestSchema, {
    frame: { case: "batch", value: { sequence: 7n, results } },
  });
}

function asProtobufEs(message: ReturnType<typeof frame>): Buffer {
  return Buffer.from(toBinary(PublishResultsRequestSchema, message));
}

describe("a batch of results", () => {
  it("is written by hand in every field", () => {
    const message = frame([everyField(TestResultSchema)]);
    expect(writeBatchFrame(message)).toEqual(asProtobufEs(message));
  });

  it("has the bytes that protobuf-es writes, by hand", () => {
    fc.assert(
      fc.property(fc.array(anyResult, { maxLength: 4 }), (results) => {
        const message = frame(results);
        expect(writeBatchFrame(message)).toEqual(asProtobufEs(message));
      }),
    );
  });

  const unknown: TestResult = {
    ...create(TestResultSchema, { resultId: "a" }),
    $unknown: [{ no: 99, wireType: 0, data: Uint8Array.of(1) }],
  };
  it.each<[string, ResultInit]>([
    ["a negative time", { startTime: { seconds: -1n } }],
    ["half of a surrogate pair", { stdout: "a\ud800" }],
    ["an unknown field", unknown],
    ["an empty tag", { tags: { "": "" } }],
    ["a tag named __proto__", { tags: Object.fromEntries([["__proto__", "x"]]) }],
    ["a long text", { stdout: "é".repeat(10_000) }],
    ["a status beyond the enum", { status: -1 as Status }],
  ])("with %s has the bytes that protobuf-es writes", (_, result) => {
    const message = frame([result, { resultId: "next" }]);
    expect(encodeMessage(PublishResultsRequestSchema, message)).toEqual(asProtobufEs(message));
  });

  it("that cannot be encoded is refused as by protobuf-es", () => {
    const message = frame([{ attempt: 1.5 }]);
    expect(() => encodeMessage(PublishResultsRequestSchema, message)).toThrow(/attempt/);
  });
});

describe("a unary request", () => {
  it("is the message that protobuf-es reads back, its results written by hand", () => {
    fc.assert(
      fc.property(fc.array(anyResult, { maxLength: 4 }), (results) => {
        const init = { projectId: "p", run: { runId: "r" }, results, expectedResultCount: 7n };
        const request = create(IngestRunRequestSchema, init);
        const bytes = writeRunRequest(request);
        expect(fromBinary(IngestRunRequestSchema, bytes ?? Buffer.of())).toEqual(request);
      }),
    );
  });

  it("with what only protobuf-es can write is written by it", () => {
    const request = create(IngestRunRequestSchema, { results: [{ startTime: { seconds: -1n } }] });
    expect(writeRunRequest(request)).toBeUndefined();
    const bytes = encodeMessage(IngestRunRequestSchema, request);
    expect(bytes).toEqual(Buffer.from(toBinary(IngestRunRequestSchema, request)));
  });
});

describe("a result", () => {
  it("is the message that protobuf-es creates", () => {
    fc.assert(
      fc.property(anyResult, (init) => {
        expect(createResult(init)).toEqual(create(TestResultSchema, init));
      }),
    );
    const init: ResultInit = everyField(TestResultSchema);
    expect(createResult(init)).toEqual(create(TestResultSchema, init));
  });

  it("stays the object it is when it is a message", () => {
    const result = create(TestResultSchema, { resultId: "a" });
    expect(createResult(result)).toBe(result);
  });
});
