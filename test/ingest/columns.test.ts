import { create, fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status, TestResultSchema, TestSchema } from "../../gen/tally/v1/run_pb.js";
import { toRow } from "../../src/ingest/columns.js";
import {
  defaultResultIds,
  partFacts,
  partId,
  resultIdPrefix,
  testCacheKey,
  testId,
} from "../../src/ingest/identity.js";
import { limits } from "../../src/limits.js";
import { cutText, exceeds } from "../../src/text.js";

const ids = defaultResultIds(partFacts(undefined));
const details = (bytes: Uint8Array | null) =>
  bytes === null ? null : fromBinary(TestResultSchema, bytes);

describe("the columns of a result", () => {
  it("keep microseconds, and no details where there are none", () => {
    const result = create(TestResultSchema, {
      test: { name: "x" },
      status: Status.FAILED,
      startTime: { seconds: 1_768_212_000n, nanos: 123_456_789 },
      duration: { seconds: 5n, nanos: 1_000 },
      failure: { message: "boom" },
    });
    expect(toRow(result, ids, "7")).toEqual({
      testKey: "7",
      resultId: `${resultIdPrefix(partFacts(undefined))}.1.0`,
      status: Status.FAILED,
      attempt: 1,
      startUs: 1_768_212_000_123_456,
      durationUs: 5_000_001,
      failureMessage: "boom",
      details: null,
    });
  });

  it("cut what is too long at a character, and say so", () => {
    const message = "é".repeat(limits.failureMessageBytes);
    const trace = "x".repeat(limits.traceBytes + 1);
    const result = create(TestResultSchema, { failure: { message, trace } });
    const columns = toRow(result, ids, "7");
    expect(columns.failureMessage).toBe("é".repeat(limits.failureMessageBytes / 2));
    const rest = details(columns.details);
    expect(rest?.failure?.trace).toHaveLength(limits.traceBytes);
    expect(rest?.truncations.map(({ field, originalBytes }) => [field, originalBytes])).toEqual([
      ["failure.message", BigInt(limits.failureMessageBytes * 2)],
      ["failure.trace", BigInt(limits.traceBytes + 1)],
    ]);
  });

  it("replace NUL in a message, which Postgres cannot keep, and say so", () => {
    const columns = toRow(create(TestResultSchema, { failure: { message: "a\0b" } }), ids, "7");
    expect(columns.failureMessage).toBe("a\ufffdb");
    expect(details(columns.details)?.repairedFields).toEqual(["failure.message"]);
  });

  it("do not depend on the order of a map", () => {
    const of = (tags: Record<string, string>) =>
      toRow(create(TestResultSchema, { tags }), ids, "7").details;
    expect(of({ b: "2", a: "1", 10: "x" })).toEqual(of({ 10: "x", a: "1", b: "2" }));
  });

  it("leave out fields that the contract does not know", () => {
    const withUnknown = create(TestResultSchema, { stdout: "x" });
    withUnknown.$unknown = [{ no: 1000, wireType: 0, data: new Uint8Array([1]) }];
    const plain = create(TestResultSchema, { stdout: "x" });
    expect(toRow(withUnknown, ids, "7").details).toEqual(toRow(plain, ids, "7").details);
  });
});

describe("ids of results that have none", () => {
  it("tell attempts and repeats apart, in any order", () => {
    const prefix = resultIdPrefix(partFacts(undefined));
    const asked = [
      [1, 0],
      [1, 0],
      [2, 0],
      [1, 1],
      [1, 0],
    ] as const;
    expect(asked.map(([attempt, repeat]) => ids(attempt, repeat))).toEqual(
      asked.map(([attempt, repeat]) => `${prefix}.${attempt}.${repeat}`),
    );
  });
});

describe("cutText", () => {
  it("answers the longest prefix of whole characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 0, max: 40 }), (text, max) => {
        const cut = cutText(text, max);
        expect(text.startsWith(cut)).toBe(true);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
        const next = [...text.slice(cut.length)][0] ?? "";
        expect(next === "" || Buffer.byteLength(cut + next) > max).toBe(true);
        expect(exceeds(text, max)).toBe(Buffer.byteLength(text) > max);
      }),
    );
  });
});

describe("identity", () => {
  const test = (init: Parameters<typeof create<typeof TestSchema>>[1]) => create(TestSchema, init);

  it("tells where one part ends and the next begins", () => {
    const one = test({ suite: "ab", file: "c", name: "n" });
    const two = test({ suite: "a", file: "bc", name: "n" });
    expect(testId(one)).not.toEqual(testId(two));
    expect(testCacheKey(one)).not.toBe(testCacheKey(two));
  });

  it("remembers two tests under one key only if their ids are equal", () => {
    const text = fc.constantFrom("", "a", "b", "ab", "1", "1,1", "{}", '{"a":"b"}');
    const anyTest = fc.record({
      suite: text,
      file: text,
      name: text,
      parameters: text,
      variant: fc.dictionary(text, text, { maxKeys: 2 }),
    });
    fc.assert(
      fc.property(anyTest, anyTest, (a, b) => {
        const [one, two] = [test(a), test(b)];
        expect(testCacheKey(one) === testCacheKey(two)).toBe(testId(one).equals(testId(two)));
      }),
      { numRuns: 2000 },
    );
  });

  it("gives each job, shard and CI attempt result ids of its own, but not each producer", () => {
    const base = { job: "linux", attempt: 1, shardIndex: 1, shardTotal: 2, producer: "vitest" };
    const ids = [
      base,
      { ...base, job: "mac" },
      { ...base, attempt: 2 },
      { ...base, shardIndex: 2 },
    ].map(resultIdPrefix);
    expect(new Set(ids).size).toBe(4);
    expect(resultIdPrefix({ ...base, producer: "cli" })).toBe(ids[0]);
    expect(partId({ ...base, producer: "cli" })).not.toEqual(partId(base));
  });

  it("takes an absent part for the only one", () => {
    expect(partFacts(undefined)).toEqual({
      job: "",
      attempt: 1,
      shardIndex: 0,
      shardTotal: 0,
      producer: "",
    });
  });
});
