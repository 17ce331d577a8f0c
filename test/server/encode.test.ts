import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { IngestRunResponseSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { encodeBinary } from "../../src/server/encode.js";

const count = fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) });
const text = fc.string({ unit: "binary", maxLength: 300 });
const response = fc.record(
  {
    runId: text,
    runDuplicate: fc.boolean(),
    runConflict: fc.array(text, { maxLength: 3 }),
    acceptedCount: count,
    duplicateCount: count,
    conflictCount: count,
    rejectedCount: count,
    rejections: fc.array(fc.record({ index: count, resultId: text }), { maxLength: 1 }),
    rejectionsTruncated: fc.boolean(),
  },
  { requiredKeys: [] },
);

it("writes the answer of a unary upload as protobuf-es does", () => {
  fc.assert(
    fc.property(response, (init) => {
      const message = create(IngestRunResponseSchema, init);
      const bytes = Buffer.from(encodeBinary(IngestRunResponseSchema, message));
      expect(bytes).toEqual(Buffer.from(toBinary(IngestRunResponseSchema, message)));
    }),
  );
});
