import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { invalidArgument } from "../../src/errors.js";
import { writeStatus } from "../../src/server/status-writer.js";

/** What protobuf-es writes. */
function expected({ code, rawMessage, details }: ConnectError): Buffer {
  const anys = details.map((detail) =>
    "desc" in detail
      ? {
          typeUrl: `type.googleapis.com/${detail.desc.typeName}`,
          value: toBinary(detail.desc, create(detail.desc, detail.value)),
        }
      : { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value },
  );
  const status = create(StatusSchema, { code, message: rawMessage, details: anys });
  return Buffer.from(toBinary(StatusSchema, status));
}

const text = fc.string({ unit: "binary", maxLength: 200 });
const detail = fc.oneof(
  fc
    .record({
      reason: fc.string({ minLength: 1 }),
      domain: text,
      metadata: fc.dictionary(text, text, { maxKeys: 3 }),
    })
    .map((value) => ({ desc: ErrorInfoSchema, value })),
  fc
    .array(fc.record({ field: text, description: text }), { minLength: 1, maxLength: 5 })
    .map((fieldViolations) => ({ desc: BadRequestSchema, value: { fieldViolations } })),
  fc
    .nat()
    .map((nanos) => ({ desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos } } })),
);

it("writes every status as protobuf-es does", () => {
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 1, max: 16 }),
      fc.array(detail),
      (message, code, details) => {
        const error = new ConnectError(message, code, undefined, details);
        expect(writeStatus(error)).toEqual(expected(error));
      },
    ),
  );
});

it("writes the details of an error that came from elsewhere", () => {
  const error = new ConnectError("text", Code.Aborted);
  error.details = [
    { type: "a.B", value: Uint8Array.of(1, 2, 3) },
    { type: "a.C", value: new Uint8Array() },
  ];
  expect(writeStatus(error)).toEqual(expected(error));
});

it("writes an error of ours with many long violations", () => {
  const violations = Array.from({ length: 40 }, (_, i) => ({
    field: `results[${i}].é`,
    description: "x".repeat(i * 10),
  }));
  const error = invalidArgument(violations, { metadata: { rejection_id: "00ff" } });
  expect(writeStatus(error)).toEqual(expected(error));
});
