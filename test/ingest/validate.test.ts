import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  PartSchema,
  RunSchema,
  Status,
  type TestResult,
  TestResultSchema,
} from "../../gen/tally/v1/run_pb.js";
import { validateResult } from "../../src/ingest/validate-result.js";
import { validateOpenedRun, validatePart, validateRun } from "../../src/ingest/validate-run.js";

const valid = () =>
  create(TestResultSchema, {
    test: { suite: "cart", file: "cart.test.ts", name: "adds", variant: { os: "linux" } },
    status: Status.PASSED,
    startTime: { seconds: 1_768_212_000n, nanos: 1000 },
    duration: { seconds: 1n, nanos: 500_000_000 },
    tags: { owner: "shop" },
  });
const fields = (result: TestResult) => validateResult(result).map(({ field }) => field);

describe("a result", () => {
  it("is valid with a test and a status", () => {
    expect(fields(valid())).toEqual([]);
    const bare = create(TestResultSchema, { test: { name: "x" }, status: Status.FAILED });
    expect(fields(bare)).toEqual([]);
  });

  const map = (entries: number) =>
    Object.fromEntries(Array.from({ length: entries }, (_, i) => [`k${i}`, "v"]));
  const broken: [string, string, (result: TestResult) => void][] = [
    ["no test", "test", (r) => Object.assign(r, { test: undefined as never })],
    ["an empty name", "test.name", (r) => Object.assign(r.test ?? {}, { name: "" })],
    ["a long name", "test.name", (r) => Object.assign(r.test ?? {}, { name: "é".repeat(513) })],
    ["NUL in a suite", "test.suite", (r) => Object.assign(r.test ?? {}, { suite: "a\0b" })],
    ["half a surrogate pair", "test.file", (r) => Object.assign(r.test ?? {}, { file: "\ud800" })],
    ["65 variants", "test.variant", (r) => Object.assign(r.test ?? {}, { variant: map(65) })],
    [
      "an empty key",
      'test.variant[""]',
      (r) => Object.assign(r.test ?? {}, { variant: { "": "x" } }),
    ],
    ["no status", "status", (r) => Object.assign(r, { status: Status.UNSPECIFIED })],
    ["an unknown status", "status", (r) => Object.assign(r, { status: 17 as Status })],
    ["a long result_id", "result_id", (r) => Object.assign(r, { resultId: "x".repeat(129) })],
    ["a negative duration", "duration", (r) => Object.assign(r.duration ?? {}, { seconds: -5n })],
    ["11 years", "duration", (r) => Object.assign(r.duration ?? {}, { seconds: 350_000_000n })],
    ["too many nanos", "start_time", (r) => Object.assign(r.startTime ?? {}, { nanos: 1e9 })],
    [
      "the year 1",
      "start_time",
      (r) => Object.assign(r.startTime ?? {}, { seconds: -62_135_596_800n }),
    ],
    ["attempt 32768", "attempt", (r) => Object.assign(r, { attempt: 32_768 })],
    ["a long tag", 'tags["k"]', (r) => Object.assign(r, { tags: { k: "x".repeat(257) } })],
  ];
  it.each(broken)("with %s is refused at %s", (_, field, breakIt) => {
    const result = valid();
    breakIt(result);
    expect(fields(result)).toEqual([field]);
  });

  it.each<[bigint, number, string]>([
    [0n, -1, "is negative: -1e-9s"],
    [-1n, 0, "is negative: -1s"],
    [1n, -1, "has -1 nanos, 0 to 999999999 are valid"],
    [1n, 1e9, "has 1000000000 nanos, 0 to 999999999 are valid"],
  ])("says what is wrong with a duration of %s s and %s ns", (seconds, nanos, description) => {
    const result = valid();
    Object.assign(result.duration ?? {}, { seconds, nanos });
    expect(validateResult(result)).toEqual([{ field: "duration", description }]);
  });

  it("names every violation at once", () => {
    const result = create(TestResultSchema, { resultId: "x".repeat(200), attempt: 99_999 });
    expect(fields(result)).toEqual(["result_id", "test", "status", "attempt"]);
  });

  it("never throws, whatever a client sends", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(
        text,
        text,
        fc.integer(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.dictionary(text, text),
        (name, resultId, status, seconds, variant) => {
          const result = create(TestResultSchema, {
            resultId,
            test: { name, variant },
            status: status as Status,
            startTime: { seconds, nanos: status },
            duration: { seconds, nanos: status },
          });
          expect(Array.isArray(validateResult(result))).toBe(true);
        },
      ),
    );
  });
});

describe("a run", () => {
  const run = () => create(RunSchema, { runId: "build-123", status: Status.PASSED });
  const runFields = (change: (r: ReturnType<typeof run>) => void) => {
    const changed = run();
    change(changed);
    return validateRun(changed).map(({ field }) => field);
  };

  it("needs nothing but a run_id", () => {
    expect(validateRun(create(RunSchema, { runId: "x" }))).toEqual([]);
    expect(validateRun(undefined).map(({ field }) => field)).toEqual(["run"]);
  });

  it.each<[string, string[], (r: ReturnType<typeof run>) => void]>([
    ["no run_id", ["run.run_id"], (r) => Object.assign(r, { runId: "" })],
    ["a blank run_id", ["run.run_id"], (r) => Object.assign(r, { runId: "  " })],
    ["a long run_id", ["run.run_id"], (r) => Object.assign(r, { runId: "x".repeat(257) })],
    ["a precluded status", ["run.status"], (r) => Object.assign(r, { status: Status.PRECLUDED })],
    [
      "a finish without a status",
      ["run.duration"],
      (r) => {
        r.status = Status.UNSPECIFIED;
        r.duration = { $typeName: "google.protobuf.Duration", seconds: 5n, nanos: 0 };
      },
    ],
  ])("with %s is refused at %j", (_, expected, change) => {
    expect(runFields(change)).toEqual(expected);
  });

  it("that opens a stream leaves its finish to the finish frame", () => {
    expect(validateOpenedRun(run()).map(({ field }) => field)).toEqual(["open.run.status"]);
  });
});

describe("a part", () => {
  it.each([
    [0, 0, true],
    [1, 1, true],
    [4, 4, true],
    [0, 4, false],
    [5, 4, false],
    [1, 0, false],
    [1, 10_001, false],
  ])("with shard %i of %i is valid: %s", (shardIndex, shardTotal, isValid) => {
    const part = create(PartSchema, { shardIndex, shardTotal });
    expect(validatePart(part).length === 0).toBe(isValid);
  });
});
