import { expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../../src/client/index.js";
import JestReporter from "../../src/reporters/jest.js";
import { startFileRun } from "../../src/reporters/jest-file-run.js";
import type { CaseResult, FileResult } from "../../src/reporters/jest-types.js";
import { countRepeats } from "../../src/reporters/repeats.js";

function startFile(project = "", repeatOf = countRepeats()) {
  const added: TestResultInit[] = [];
  const run = startFileRun({
    file: { name: "a.test.js", variant: { project } },
    add: (result) => added.push(result),
    repeatOf,
  });
  return {
    ...run,
    /** What was added: status, attempt and repeat index. */
    added: () =>
      added.map(({ status, attempt, repeatIndex }) => [Status[status ?? 0], attempt, repeatIndex]),
  };
}

const attempt = (status: "passed" | "failed" | "pending", invocations = 1, startedAt = 5) =>
  ({
    ancestorTitles: [],
    title: "a test",
    failureMessages: status === "failed" ? ["Error: bad\n    at a.test.js:1:1"] : [],
    failureDetails: [],
    status,
    invocations,
    startedAt,
  }) as unknown as CaseResult;
const file = (...testResults: CaseResult[]) => ({ testResults }) as unknown as FileResult;

it("reports once what is told twice, and all that is told once", () => {
  const run = startFile();
  run.take(attempt("passed"));
  run.finish(file(attempt("pending"), attempt("passed"), attempt("pending")), []);
  expect(run.added()).toEqual([
    ["PASSED", 1, 0],
    ["SKIPPED", 1, 1],
    ["SKIPPED", 1, 2],
  ]);
});

it("takes its own attempts out of those of several projects", () => {
  const repeatOf = countRepeats();
  const held = [attempt("failed", 1, 5), attempt("passed", 1, 6), attempt("passed", 2, 7)];
  const node = startFile("node", repeatOf);
  node.finish(file(attempt("passed", 2, 7)), held);
  expect(node.added()).toEqual([
    ["FAILED", 1, 0],
    ["PASSED", 2, 0],
  ]);
  expect(held).toMatchObject([{ startedAt: 6 }]);
});

it("tells projects without a name apart by counting", () => {
  const repeatOf = countRepeats();
  const runs = [startFile("", repeatOf), startFile("", repeatOf)];
  for (const run of runs) run.finish(file(attempt("passed")), []);
  expect(runs.map((run) => run.added())).toEqual([[["PASSED", 1, 0]], [["PASSED", 1, 1]]]);
});

it("tells titles apart that are stored as the same text", () => {
  const run = startFile();
  const named = (ancestorTitles: string[], title: string) => ({
    ...attempt("passed"),
    ancestorTitles,
    title,
  });
  run.take(named(["a > b"], "x"));
  run.take(named(["a", "b"], "x"));
  for (const title of ["\ud800", "\ud801", "\0"]) run.take(named([], title));
  expect(run.added()).toEqual([0, 1, 0, 1, 2].map((repeat) => ["PASSED", 1, repeat]));
});

it("loses what it cannot read, and no more", () => {
  const run = startFile();
  const unreadable = {} as unknown as CaseResult;
  run.finish(file(attempt("passed"), unreadable, attempt("failed")), []);
  expect(run.added()).toEqual([
    ["PASSED", 1, 0],
    ["FAILED", 1, 1],
  ]);
});

it("throws nothing at Jest, whatever it is given", async () => {
  const nothing = undefined as never;
  const reporter = new JestReporter(nothing, nothing);
  reporter.onRunStart();
  reporter.onTestFileStart(nothing);
  reporter.onTestCaseResult(nothing, nothing);
  reporter.onTestFileResult(nothing, nothing);
  await reporter.onRunComplete(nothing, nothing);
});
