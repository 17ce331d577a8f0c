/** What is written is read again as it was, but for what the losses name. */
import { readFile } from "node:fs/promises";
import { create, toJson } from "@bufbuild/protobuf";
import { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TestResult } from "../../gen/tally/v1/run_pb.js";
import { PartSchema, RunSchema, Status, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { wellFormedResult } from "../../src/client/fit-result.js";
import { createLosses } from "../../src/formats/losses.js";
import type { ReportFormat } from "../../src/formats/report-item.js";
import { groupTries, type PartResult } from "../../src/formats/tries.js";
import { writeCtrf } from "../../src/formats/write-ctrf.js";
import { isNextTry } from "../../src/formats/write-ctrf-test.js";
import { writeJunit } from "../../src/formats/write-junit.js";
import { fitsXml } from "../../src/formats/xml-text.js";
import { anyResult } from "../support/any-result.js";
import { violations } from "../support/json-schema.js";
import { fixture, read, SHARED_REPORTS } from "./read.js";

/** CTRF's own schema, where it is at hand. */
const schema = await readFile(`${SHARED_REPORTS}/ctrf/ctrf.schema.json`, "utf8").then(
  (text) => JSON.parse(text),
  () => undefined,
);
const run = create(RunSchema, { runId: 'r "1" & <2>', framework: "vitest" });

describe.each(["junit", "ctrf"] as const)("%s", (format) => {
  it("holds every result, as storing leaves it", async () => {
    await fc.assert(
      fc.asyncProperty(tests, async (groups) => {
        const results = groups.flat();
        const { text, lost } = await write(format, results);
        const { results: found, warnings, damage } = await read(format, text);
        expect(damage).toBeUndefined();
        expect(warnings).toEqual([]);
        const expected = await numbered(format, results);
        expect(found.map(({ result }) => json(result))).toEqual(
          expected.map((result) => json(held(format, result))),
        );
        // A loss is named where something is lost.
        for (const kind of lost.keys()) expect(KINDS).toContain(kind);
        if (format === "ctrf" && schema !== undefined) {
          expect(violations(schema, JSON.parse(text))).toEqual([]);
        }
        const cut = results.filter(({ result }) => result.truncations.length > 0);
        expect(lost.get("notes of what was cut") ?? 0).toBe(cut.length);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    "junit/surefire-retries.xml",
    "junit/pytest-repeats.xml",
    "junit/nested-suites.xml",
    "junit/gtest-statuses.xml",
    "ctrf/retries.json",
  ])("holds all of %s", async (path) => {
    const original = await read(path.endsWith(".json") ? "ctrf" : "junit", await fixture(path));
    const results = original.results.map(({ result }) => ({ result, part: undefined }));
    const { text, lost } = await write(format, results);
    const again = await read(format, text);
    expect(again.damage).toBeUndefined();
    const unlike = path === "ctrf/retries.json" && format === "junit";
    expect([...lost]).toEqual(unlike ? [["attempts that do not count from 1", 1]] : []);
    const compare = (list: typeof original.results) =>
      list
        .map(({ result }) => ({ ...json(held(format, result)), ...(unlike ? { attempt: 0 } : {}) }))
        .map((value) => JSON.stringify(value))
        .sort();
    expect(compare(again.results)).toEqual(compare(original.results));
  });

  it("names and counts what it cannot hold", async () => {
    const odd = create(TestResultSchema, {
      resultId: "mine",
      test: { name: "n" },
      status: Status.PASSED,
      attempt: 1,
      repeatIndex: 2,
      failure: { message: "but it passed" },
      skipReason: "but it ran",
      truncations: [{ field: "stdout", originalBytes: 9n }],
      repairedFields: ["stdout"],
    });
    const part = create(PartSchema, { job: "linux", attempt: 1 });
    const { lost } = await write(format, [{ result: odd, part }]);
    expect([...lost]).toEqual([
      ["result ids of clients", 1],
      ["job, shard and CI attempt", 1],
      ["repeat indexes", 1],
      ["failures of results that did not fail", 1],
      ["skip reasons of results that were not skipped", 1],
      ["notes of what was cut", 1],
      ["notes of what was no valid text", 1],
    ]);
  });
});

describe("JUnit that is written", () => {
  it("is XML 1.0 whatever the texts are", async () => {
    const hostile = "a]]>b<c>&d;\u0000\u001b[31m\ud800\ufffe\r\n\t\u0085\u2028\"'é😀";
    const result = create(TestResultSchema, {
      test: { suite: hostile, name: hostile, file: hostile, variant: { [hostile]: hostile } },
      status: Status.FAILED,
      rawStatus: hostile,
      failure: { message: hostile, trace: hostile, expected: hostile },
      stdout: hostile,
      tags: { [hostile]: hostile },
    });
    const { text, lost } = await write("junit", [{ result, part: undefined }]);
    expect(fitsXml(text)).toBe(true);
    const { results, damage } = await read("junit", text);
    expect(damage).toBeUndefined();
    const safe = safeXml(hostile.toWellFormed());
    expect(results[0]?.result).toMatchObject({
      test: { suite: safe, name: safe, file: safe, variant: { [safe]: safe } },
      rawStatus: safe,
      failure: { message: safe, trace: safe, expected: safe },
      stdout: safe,
      tags: { [safe]: safe },
    });
    expect([...lost]).toEqual([["characters that XML has not, now U+FFFD", 1]]);
  });

  it("leaves out tags that would be read as fields, and reads others of the prefix as tags", async () => {
    const tags = { "tally.status": "precluded", "tally.mood": "good" };
    const result = create(TestResultSchema, { test: { name: "n" }, status: Status.PASSED, tags });
    const { text, lost } = await write("junit", [{ result, part: undefined }]);
    expect([...lost]).toEqual([["tags whose names are reserved", 1]]);
    const { results } = await read("junit", text);
    expect(results[0]?.result).toMatchObject({
      status: Status.PASSED,
      tags: { "tally.mood": "good" },
    });
  });

  it("tells Surefire's retries as Surefire does", async () => {
    const { results } = await read("junit", await fixture("junit/surefire-retries.xml"));
    const { text } = await write(
      "junit",
      results.map(({ result }) => ({ result, part: undefined })),
    );
    expect(text.match(/<testcase/g)).toHaveLength(3);
    expect(text.match(/<(flaky|rerun)(Failure|Error)/g)).toHaveLength(4);
  });
});

describe("CTRF that is written", () => {
  it.skipIf(schema === undefined)("is held to a schema that can tell", () => {
    const report = {
      reportFormat: "CTRF",
      specVersion: "1",
      results: { tool: {}, tests: [{ x: 1 }] },
    };
    expect(violations(schema, report)).toEqual([
      "specVersion does not match ^[0-9]+\\.[0-9]+\\.[0-9]+$",
      "results.summary is missing",
      "results.tool.name is missing",
      "results.tests.0.name is missing",
      "results.tests.0.status is missing",
      "results.tests.0.duration is missing",
      "results.tests.0.x is not allowed",
    ]);
  });

  it("tells the tries of a job as one test, and sums up", async () => {
    const tried = (attempt: number, status: Status, job: string) => ({
      result: create(TestResultSchema, { test: { name: "n" }, status, attempt }),
      part: create(PartSchema, { job, attempt: 1 }),
    });
    const { text } = await write("ctrf", [
      tried(2, Status.PASSED, "a"),
      tried(1, Status.FAILED, "a"),
      tried(1, Status.ERRORED, "b"),
    ]);
    expect(JSON.parse(text)).toMatchObject({
      reportFormat: "CTRF",
      runId: run.runId,
      results: {
        tool: { name: "vitest" },
        summary: { tests: 2, passed: 1, failed: 0, other: 1, flaky: 1, start: 0, stop: 0 },
        tests: [
          { status: "passed", retries: 1, flaky: true, retryAttempts: [{ attempt: 1 }] },
          { status: "other" },
        ],
      },
    });
  });
});

async function write(format: ReportFormat, results: readonly PartResult[]) {
  const losses = createLosses();
  const pieces =
    format === "junit" ? writeJunit(run.runId, results, losses) : writeCtrf(run, results, losses);
  let text = "";
  for await (const piece of pieces) text += piece;
  return { text, lost: new Map(losses.entries()) };
}

/** In the order and with the attempts and repeats that a reader gives them. */
async function numbered(format: ReportFormat, results: readonly PartResult[]) {
  const all: TestResult[] = [];
  for await (const tries of groupTries(results)) {
    let repeatIndex = 0;
    for (const [index, each] of tries.entries()) {
      const last = tries[index - 1];
      if (format === "junit") all.push({ ...each.result, attempt: index + 1 });
      else {
        if (last !== undefined && !isNextTry(each, last)) repeatIndex++;
        all.push({ ...each.result, repeatIndex });
      }
    }
  }
  return all;
}

/** What the format has a place for. */
function held(format: ReportFormat, result: TestResult): TestResult {
  const failed = result.status === Status.FAILED || result.status === Status.ERRORED;
  const skipped = result.status === Status.SKIPPED || result.status === Status.PRECLUDED;
  const isXml = format === "junit";
  const clean = (text: string) => (isXml ? safeXml(text) : text);
  const cleanMap = (map: Record<string, string>) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [clean(key), clean(value)]));
  const { test, failure, location } = result;
  const trace = isXml ? trimmed(clean(failure?.trace ?? "")) : (failure?.trace ?? "");
  const message = clean(failure?.message ?? "");
  const file = clean(test?.file ?? "");
  const reason = clean(result.skipReason);
  return create(TestResultSchema, {
    test: {
      suite: clean(test?.suite ?? ""),
      file,
      name: clean(test?.name ?? ""),
      parameters: clean(test?.parameters ?? ""),
      variant: cleanMap(test?.variant ?? {}),
    },
    status: result.status,
    rawStatus: clean(result.rawStatus) || (isXml ? "" : CTRF_WORDS[result.status]) || "",
    attempt: result.attempt,
    repeatIndex: isXml ? 0 : result.repeatIndex,
    ...(result.startTime && { startTime: result.startTime }),
    ...(result.duration && { duration: result.duration }),
    ...(failed && {
      failure: {
        kind: clean(failure?.kind ?? ""),
        message: isXml && message.trim() === "" ? firstLine(trace) : message,
        type: clean(failure?.type ?? ""),
        trace,
        expected: clean(failure?.expected ?? ""),
        actual: clean(failure?.actual ?? ""),
      },
    }),
    skipReason: skipped && !(isXml && reason.trim() === "") ? reason : "",
    location: { file: clean(location?.file ?? "") || file, line: location?.line ?? 0 },
    stdout: clean(result.stdout),
    stderr: clean(result.stderr),
    tags: cleanMap(result.tags),
  });
}

function json(result: TestResult) {
  // A decoder notes each U+FFFD, wherever it comes from.
  return toJson(TestResultSchema, { ...result, repairedFields: [] }) as Record<string, unknown>;
}

function safeXml(text: string): string {
  return [...text].map((char) => (fitsXml(char) ? char : "\ufffd")).join("");
}

function trimmed(trace: string): string {
  return trace.replace(/^(?:[^\S\n]*\n)+/, "").trimEnd();
}

function firstLine(trace: string): string {
  return /\S.*/.exec(trace)?.[0].trimEnd() ?? "";
}

const CTRF_WORDS: Readonly<Record<number, string>> = {
  [Status.PASSED]: "passed",
  [Status.FAILED]: "failed",
  [Status.ERRORED]: "other",
  [Status.SKIPPED]: "skipped",
  [Status.PRECLUDED]: "skipped",
};
const KINDS = [
  "result ids of clients",
  "job, shard and CI attempt",
  "attempts that do not count from 1",
  "repeat indexes",
  "failures of results that did not fail",
  "skip reasons of results that were not skipped",
  "notes of what was cut",
  "notes of what was no valid text",
  "characters that XML has not, now U+FFFD",
  "blanks around stack traces",
];

/** Microseconds, within what a server takes, and what doubles hold exactly. */
const micros = (maxSeconds: number) =>
  fc
    .tuple(fc.nat({ max: maxSeconds }), fc.oneof(fc.constant(0), fc.nat({ max: 999_999 })))
    .map(([seconds, us]) => ({ seconds: BigInt(seconds), nanos: us * 1000 }));
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const words = fc.constantFrom("", "flakyFailure", "flakyError", "rerunFailure", "failed", "ok");

/** A result as a server would answer it. */
const stored = fc
  .record({
    init: anyResult,
    status: fc.constantFrom(1, 2, 3, 4, 5),
    attempt: fc.integer({ min: 1, max: 5 }),
    word: optional(words),
    startTime: optional(micros(4_000_000_000).map((time) => create(TimestampSchema, time))),
    duration: optional(micros(100_000).map((time) => create(DurationSchema, time))),
    job: fc.constantFrom("", "linux"),
  })
  .map(({ init, status, attempt, word, startTime, duration, job }): PartResult => {
    const message = create(TestResultSchema, init);
    const named = Object.entries(message.tags).filter(([key]) => key !== "" && key !== "__proto__");
    Object.assign(message, {
      ...{ status, attempt, startTime, duration, repeatIndex: 0 },
      rawStatus: word ?? message.rawStatus,
      tags: Object.fromEntries(named),
    });
    return { result: wellFormedResult(message), part: create(PartSchema, { job, attempt: 1 }) };
  });

/** Tests that differ, with one to four tries each. */
const tests = fc
  .array(fc.array(stored, { minLength: 1, maxLength: 4 }), { maxLength: 4 })
  .map((groups) =>
    groups.map((group, index) => {
      const test = group[0]?.result.test;
      for (const { result } of group) {
        result.test = { ...create(TestResultSchema, { test: {} }).test, ...test } as typeof test;
        if (result.test !== undefined) result.test.name = `${index} ${result.test.name}`;
      }
      return group;
    }),
  );
