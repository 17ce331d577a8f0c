/** Which results of one test are its tries, and which are repeats that stand beside each other. */
import { Readable } from "node:stream";
import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { Status, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { createAttempts } from "../../src/formats/attempts.js";
import { parseReport } from "../../src/formats/parse-report.js";
import type { ReportFormat } from "../../src/formats/report-item.js";
import { limits } from "../../src/limits.js";

/** The results of one upload of the files, each as `name attempt.repeat STATUS`. */
async function upload(format: ReportFormat, files: readonly string[]): Promise<string[]> {
  const attempts = createAttempts();
  const lines: string[] = [];
  for (const file of files) {
    const bytes = Readable.from([Buffer.from(file)]);
    for await (const item of parseReport(format, bytes, { attempts })) {
      if (item.kind !== "result") continue;
      const { test, attempt, repeatIndex, status } = item.result;
      lines.push(`${test?.name} ${attempt}.${repeatIndex} ${Status[status]}`);
    }
  }
  return lines;
}

const failing = '<testcase classname="C" name="a"><failure/></testcase>';
const passing = '<testcase classname="C" name="a"/>';
const suite = (...inside: readonly string[]) => `<testsuite>${inside.join("")}</testsuite>`;

it("keeps a failure beside a pass from another suite of the file", async () => {
  // As Playwright writes its projects: equal suites that differ in their hostname.
  const file = `<testsuites>${suite(failing, failing)}${suite(passing)}</testsuites>`;
  expect(await upload("junit", [file])).toEqual(["a 1.0 FAILED", "a 2.0 FAILED", "a 1.1 PASSED"]);
});

it("keeps a failure beside a pass from another file", async () => {
  expect(await upload("junit", [suite(failing), suite(passing)])).toEqual([
    "a 1.0 FAILED",
    "a 1.1 PASSED",
  ]);
  const ctrf = (status: string) =>
    JSON.stringify({ results: { tests: [{ name: "a", status, duration: 1 }] } });
  expect(await upload("ctrf", [ctrf("failed"), ctrf("passed")])).toEqual([
    "a 1.0 FAILED",
    "a 1.1 PASSED",
  ]);
});

it("keeps a failure beside a pass of the same CTRF file", async () => {
  // As merged files have them: CTRF lists the tries of a test inside it.
  const test = (status: string, retryAttempts: readonly string[]) => ({
    name: "a",
    status,
    duration: 1,
    retryAttempts: retryAttempts.map((each) => ({ status: each })),
  });
  const tests = [test("failed", []), test("passed", ["failed"])];
  expect(await upload("ctrf", [JSON.stringify({ results: { tests } })])).toEqual([
    "a 1.0 FAILED",
    "a 1.1 FAILED",
    "a 2.1 PASSED",
  ]);
});

it("makes attempts of retries in every suite, and of repeats around a nested one", async () => {
  const retried = '<testcase classname="C" name="a"><flakyFailure/></testcase>';
  expect(await upload("junit", [suite(failing), suite(retried)])).toEqual([
    "a 1.0 FAILED",
    "a 1.1 FAILED",
    "a 2.1 PASSED",
  ]);
  const other = suite('<testcase classname="C" name="b"/>');
  expect(await upload("junit", [suite(failing, other, passing)])).toEqual([
    "a 1.0 FAILED",
    "b 1.0 PASSED",
    "a 2.0 PASSED",
  ]);
});

it("numbers each result once, also where no repeat index is left", () => {
  const attempts = createAttempts();
  const numbers = new Set<string>();
  const count = limits.attempts + 100;
  for (let i = 0; i < count; i++) {
    const result = create(TestResultSchema, { test: { name: "a" } });
    attempts.number([result], attempts.openScope());
    expect(result.repeatIndex).toBeLessThanOrEqual(limits.attempts);
    numbers.add(`${result.attempt}.${result.repeatIndex}`);
  }
  expect(numbers.size).toBe(count);
});
