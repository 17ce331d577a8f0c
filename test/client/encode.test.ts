import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
  UploadOpenSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { type Status, type TestResult, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { createResult } from "../../src/client/create-result.js";
import { encodeMessage } from "../../src/client/encode.js";
import { wellFormedResult } from "../../src/client/fit-result.js";
import { batchRequest, streamFrame } from "../../src/client/frames.js";
import { createResultBuffer } from "../../src/client/result-buffer.js";
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

describe("results that are written out", () => {
  /** What well-formed results become: texts that are no Unicode are another test's. */
  function written(results: ResultInit[]): Buffer {
    const buffer = createResultBuffer();
    for (const result of results) buffer.add(structuredClone(result));
    return buffer.take()?.bytes ?? Buffer.of();
  }
  const wellFormed = (results: ResultInit[]) =>
    results.map((result) => wellFormedResult(structuredClone(result)));

  it("are the frame that protobuf-es reads back", () => {
    fc.assert(
      fc.property(fc.array(anyResult, { maxLength: 4 }), fc.nat(), (results, n) => {
        const sequence = BigInt(n);
        const batch = { kind: "batch" as const, sequence, count: results.length };
        const message = streamFrame({ ...batch, results: written(results) });
        const bytes = encodeMessage(PublishResultsRequestSchema, message);
        const value = { sequence, results: wellFormed(results) };
        expect(fromBinary(PublishResultsRequestSchema, bytes)).toEqual(
          create(PublishResultsRequestSchema, { frame: { case: "batch", value } }),
        );
      }),
    );
  });

  it("are the unary request that protobuf-es reads back", () => {
    const open = { projectId: "p", run: { runId: "r" }, part: { job: "j" } };
    fc.assert(
      fc.property(fc.array(anyResult, { maxLength: 4 }), (results) => {
        const request = batchRequest(create(UploadOpenSchema, open), written(results));
        const bytes = encodeMessage(IngestRunRequestSchema, request);
        expect(fromBinary(IngestRunRequestSchema, bytes)).toEqual(
          create(IngestRunRequestSchema, { ...open, results: wellFormed(results) }),
        );
      }),
    );
  });

  it("are as they were when they were added", () => {
    const buffer = createResultBuffer();
    const result = { test: { name: "before" } };
    buffer.add(result);
    result.test.name = "after";
    expect(buffer.take()?.bytes.toString()).toContain("before");
  });

  it("leave out what is no result", () => {
    const buffer = createResultBuffer();
    buffer.add({ test: { name: "good" } });
    const before = buffer.count;
    expect(() => buffer.add({ attempt: 1.5, stdout: "bad" })).toThrow(/attempt/);
    expect(() => buffer.add({ test: { name: 5 } } as never)).toThrow();
    expect(() => buffer.add(undefined as never)).toThrow();
    expect(buffer.count).toBe(before);
    expect(buffer.take()?.bytes.toString()).not.toContain("bad");
    expect(buffer.take()).toBeUndefined();
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
