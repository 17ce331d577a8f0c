import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  IngestRunRequestSchema,
  PublishResultsRequestSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { decodeBinary, decodeFrame } from "../../src/server/decode.js";
import { readBatchFrame, readRunResults } from "../../src/server/result-reader.js";
import { anyResult, everyField, type ResultInit } from "../support/any-result.js";

function frame(results: ResultInit[], sequence = 7n): Uint8Array {
  const value = { sequence, results };
  return toBinary(
    PublishResultsRequestSchema,
    create(PublishResultsRequestSchema, { frame: { case: "batch", value } }),
  );
}

function runRequest(results: ResultInit[]): Uint8Array {
  const init = { projectId: "p", run: { runId: "r" }, part: { job: "j" }, results };
  return toBinary(
    IngestRunRequestSchema,
    create(IngestRunRequestSchema, { ...init, expectedResultCount: 7n }),
  );
}

/** What the server makes of the bytes, and what protobuf-es alone does. */
async function outcomes(
  bytes: Uint8Array,
  desc: DescMessage = PublishResultsRequestSchema,
): Promise<[unknown, unknown]> {
  const options = { readUnknownFields: false };
  return [
    await outcome(() => decodeFrame(desc, bytes)),
    await outcome(() => fromBinary(desc, bytes, options)),
  ];
}

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly put: Uint8Array;
}

function edited(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let changed = bytes;
  for (const { at, remove, put } of edits) {
    const from = at % (changed.length + 1);
    changed = Buffer.concat([changed.subarray(0, from), put, changed.subarray(from + remove)]);
  }
  return changed;
}

const someEdits = fc.array(
  fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 3 }),
    put: fc.uint8Array({ maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 3 },
);

async function outcome(decode: () => unknown): Promise<unknown> {
  try {
    return await decode();
  } catch (error) {
    return error instanceof ConnectError || error instanceof Error ? "an error" : error;
  }
}

describe("a batch of results", () => {
  it("is read by hand in every field", async () => {
    const [, batch] = PublishResultsRequestSchema.fields;
    const bytes = toBinary(
      PublishResultsRequestSchema,
      create(PublishResultsRequestSchema, {
        frame: { case: "batch", value: everyField(batch?.message as DescMessage) },
      }),
    );
    const read = await readBatchFrame(bytes);
    expect(read).toBeDefined();
    expect(read).toEqual(fromBinary(PublishResultsRequestSchema, bytes).frame);
  });

  it("is read as protobuf-es reads it, by hand", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyResult, { maxLength: 4 }), async (results) => {
        const bytes = frame(results);
        expect(await readBatchFrame(bytes)).toEqual(
          fromBinary(PublishResultsRequestSchema, bytes).frame,
        );
      }),
    );
  });

  it("that takes several steps is read as by protobuf-es", async () => {
    const results = Array.from({ length: 5_000 }, (_, i) => ({
      resultId: `${i}`,
      stdout: "x".repeat(i % 200),
    }));
    const bytes = frame(results);
    expect(await readBatchFrame(bytes)).toEqual(
      fromBinary(PublishResultsRequestSchema, bytes).frame,
    );
    expect(await readBatchFrame(bytes.subarray(0, -1))).toBeUndefined();
  });

  it("is read or refused as by protobuf-es, whatever its bytes are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyResult, { maxLength: 2 }), someEdits, async (results, edits) => {
        const [ours, theirs] = await outcomes(edited(frame(results), edits));
        expect(ours).toEqual(theirs);
      }),
      { numRuns: 2_000 },
    );
  });

  const result = (...fields: number[]) => [0x12, fields.length + 2, 0x12, fields.length, ...fields];
  it.each([
    ["a test that comes twice", result(0x12, 2, 0x0a, 0, 0x12, 3, 0x1a, 1, 0x61)],
    ["a frame that comes twice", [...result(0x0a, 1, 0x61), ...result(0x0a, 1, 0x62)]],
    ["text that is no UTF-8", result(0x0a, 1, 0xff)],
    ["text with a byte order mark", result(0x0a, 4, 0xef, 0xbb, 0xbf, 0x61)],
    ["text with U+FFFD", result(0x0a, 3, 0xef, 0xbf, 0xbd)],
    ["an unknown field", result(0xf8, 0x07, 1)],
    ["a number where text belongs", result(0x08, 1, 0x61)],
    ["text where a number belongs", result(0x1a, 1, 0x61)],
    ["a negative status", result(0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)],
    ["an attempt beyond 32 bits", result(0x28, 255, 255, 255, 255, 127)],
    ["a tag in too many bytes", result(0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 1, 0x61)],
    ["a tag without a value", result(0x72, 3, 0x0a, 1, 0x61)],
    ["a text that ends outside its result", result(0x0a, 9, 0x61)],
    ["no bytes", []],
    ["another frame", [0x1a, 0]],
  ])("with %s is read or refused as by protobuf-es", async (_, bytes) => {
    const [ours, theirs] = await outcomes(Uint8Array.from(bytes));
    expect(ours).toEqual(theirs);
  });
});

describe("a unary request", () => {
  it("is read as protobuf-es reads it, its results by hand", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyResult, { maxLength: 4 }), async (results) => {
        const bytes = runRequest(results);
        const whole = fromBinary(IngestRunRequestSchema, bytes);
        expect(readRunResults(bytes)?.results).toEqual(whole.results);
        expect(decodeBinary(IngestRunRequestSchema, bytes)).toEqual(whole);
      }),
    );
  });

  it("is read or refused as by protobuf-es, whatever its bytes are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyResult, { maxLength: 2 }), someEdits, async (results, edits) => {
        const bytes = edited(runRequest(results), edits);
        const [ours, theirs] = await outcomes(bytes, IngestRunRequestSchema);
        expect(ours).toEqual(theirs);
      }),
      { numRuns: 2_000 },
    );
  });

  it("without a byte is empty", async () => {
    const [ours, theirs] = await outcomes(Uint8Array.of(), IngestRunRequestSchema);
    expect(ours).toEqual(theirs);
  });
});
