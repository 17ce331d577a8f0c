import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { RunState, Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import NodeTestReporter from "../../src/reporters/node-test.js";
import { expectLiveAndKept } from "./live-run.js";
import {
  countsOf,
  NODE_TEST_PROJECT,
  ownCounts,
  ownRow,
  readOwnEvents,
  rowOf,
} from "./node-test-events.js";
import { type ReporterLab, startReporterLab } from "./reporter-lab.js";

let lab: ReporterLab;
let folder: string;
beforeAll(async () => {
  lab = await startReporterLab();
  folder = await mkdtemp(join(tmpdir(), "tally-node-test-"));
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Starting a framework takes many seconds on a machine that does much else. */
vi.setConfig({ testTimeout: 120_000 });
const REPORTER = "../../../../dist/src/reporters/node-test.js";
const FILES = ["after", "exits", "hangs", "hooks", "outcomes", "parallel", "script", "throws"];

it("reports what Node reports", async () => {
  const { exitCode, stdout } = await run(
    "all",
    FILES.map((each) => `all/${each}.test.js`),
    { args: ["--test-concurrency=3"] },
  );
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  const results = await lab.results("all");
  const events = await readOwnEvents(join(folder, "all/events"));
  const ends = events.filter(({ type }) => type === "test:pass" || type === "test:fail");
  const tests = ends.filter(({ details }) => details?.type !== "suite");
  const ofTests = results.filter(({ test }) => !OF_DESCRIBE.has(test?.name ?? "") || !test?.suite);
  expect(ofTests.map(rowOf).sort()).toEqual(tests.map(ownRow).sort());
  expect(countsOf(ofTests)).toEqual(ownCounts(events));
  expect(Object.fromEntries(results.map((each) => [shortRow(each), Status[each.status]]))).toEqual({
    passes: "PASSED",
    "outer > inner: same title": "PASSED",
    "outer > inner: other title": "PASSED",
    "outer: same title": "PASSED",
    "outer: adds 1": "PASSED",
    "outer: adds 2": "PASSED",
    twice: "PASSED",
    "twice #2": "FAILED",
    "fails with a difference": "FAILED",
    "throws a text with colours": "FAILED",
    "throws nothing": "FAILED",
    "throws an error with a cause": "FAILED",
    "is skipped": "SKIPPED",
    "is skipped with a reason": "SKIPPED",
    "is skipped inside": "SKIPPED",
    "is to do": "SKIPPED",
    "is to do, and fails": "SKIPPED",
    "parent: child passes": "PASSED",
    "parent > child fails: grandchild fails": "FAILED",
    "parent: child fails": "FAILED",
    parent: "FAILED",
    "leaves its child behind: left behind": "PRECLUDED",
    "leaves its child behind": "FAILED",
    "times out": "FAILED",
    "rejects unhandled": "FAILED",
    "has a name like ünïcödé 🎉 \ufffd": "FAILED",
    "writes much": "PASSED",
    "before: first": "PRECLUDED",
    "before: second": "PRECLUDED",
    "before: before hook": "ERRORED",
    "before each: only": "ERRORED",
    "after each: passes itself": "ERRORED",
    "after each: fails itself": "FAILED",
    "after: only": "PASSED",
    "after: after hook": "ERRORED",
    "too slow: waits": "PRECLUDED",
    "too slow: (describe)": "ERRORED",
    "does not even load: is known before": "PRECLUDED",
    "does not even load: (describe)": "ERRORED",
    "stuck: never ends": "PRECLUDED",
    "stuck: comes after it": "PRECLUDED",
    "stuck: (describe)": "ERRORED",
    "comes after the describe": "ERRORED",
    "parallel > left: slow": "PASSED",
    "parallel > left > deep: quick": "PASSED",
    "parallel > right: quick": "PASSED",
    "parallel > right: slow": "PASSED",
    "passes before the end": "PASSED",
    "after hook": "ERRORED",
    "exits.test.js (file)": "ERRORED",
    "script.test.js (file)": "PASSED",
    "throws.test.js (file)": "ERRORED",
  });

  const named = (name: string) => results.find((each) => shortRow(each) === name);
  expect(named("fails with a difference")).toMatchObject({
    test: { file: `${NODE_TEST_PROJECT}/all/outcomes.test.js` },
    location: { file: `${NODE_TEST_PROJECT}/all/outcomes.test.js`, line: 23 },
    failure: { kind: "assertion", type: "AssertionError" },
  });
  const { expected, actual, trace } = named("fails with a difference")?.failure ?? {};
  expect({ expected, actual }).toEqual({
    expected: "{ a: 1, b: [ 1, 3 ] }",
    actual: "{ a: 1, b: [ 1, 2 ] }",
  });
  expect(trace).toContain("outcomes.test.js:24");
  expect(named("throws a text with colours")?.failure?.message).toBe("red and plain");
  expect(named("rejects unhandled")?.failure).toMatchObject({
    kind: "unhandledRejection",
    type: "RangeError",
    message: "nobody listens",
  });
  expect(named("times out")?.failure?.kind).toBe("timeout");
  expect(named("times out")?.duration?.nanos).toBeGreaterThan(49_000_000);
  expect(named("is skipped inside")?.skipReason).toBe("not today");
  expect(named("is to do, and fails")).toMatchObject({
    rawStatus: "todo",
    failure: { message: "not written" },
  });
  expect(named("exits.test.js (file)")?.failure?.message).toBe("The file exited with code 3.");
  expect(named("throws.test.js (file)")?.stderr).toContain("Error: this file does not load");
  expect(named("script.test.js (file)")?.stdout).toBe("no tests here\n");
  expect(await lab.finishedRun("all")).toMatchObject({
    state: RunState.FINISHED,
    status: Status.ERRORED,
    totals: { conflictCount: 0n, rejectedCount: 0n },
  });
});

it("loaded twice stores nothing twice, and tells the shard", async () => {
  const { exitCode } = await run("twice", ["all/after.test.js", "all/hooks.test.js"], {
    args: ["--test-shard", "1/2"],
    reporters: 2,
  });
  expect(exitCode).toBe(1);
  const { run: stored, parts } = await lab.client.stats.getRun({ runId: "twice" });
  expect(stored?.totals).toMatchObject({ resultCount: 2n, conflictCount: 0n });
  expect(parts).toMatchObject([
    { part: { shardIndex: 1, shardTotal: 2, producer: "tally-node-test" }, missingCount: 0n },
  ]);
});

it("stays out of the way without a token", async () => {
  const silent = await run("silent", ["all/after.test.js"], { env: { TALLY_TOKEN: "" } });
  expect(silent).toMatchObject({
    exitCode: 1,
    stdout: "",
    stderr: "tally: there is no TALLY_TOKEN, so results are not reported\n",
  });
});

it("keeps all results when the server is not there", async () => {
  const { exitCode, stderr } = await run("away", ["all/after.test.js", "all/script.test.js"], {
    env: { TALLY_URL: "http://127.0.0.1:9" },
  });
  expect(exitCode).toBe(1);
  expect(stderr).toContain('send them with "tally spool send"');
  expect(await lab.sendSpool()).toMatchObject([{ outcome: "sent", acceptedCount: 3 }]);
  expect((await lab.results("away")).map(shortRow)).toEqual([
    "script.test.js (file)",
    "after hook",
    "passes before the end",
  ]);
});

it("shows results while the run goes on, and keeps those that the server does not take", () =>
  expectLiveAndKept(lab, "live", (env) => run("live", ["live/live.test.js"], { env })));

it("loses no more than what it does not understand", async () => {
  vi.stubEnv("TALLY_URL", lab.url);
  vi.stubEnv("TALLY_TOKEN", lab.server.ingestToken);
  vi.stubEnv("TALLY_RUN_ID", "odd");
  const reporter = new NodeTestReporter();
  vi.unstubAllEnvs();
  const details = { duration_ms: Number.NaN };
  for (const event of [
    { type: "test:pass" },
    { type: "test:fail", data: { name: "no details", nesting: 0 } },
    { type: "test:stdout", data: {} },
    { type: "test:later", data: null },
    { type: "test:fail", data: { name: "no error", nesting: 3, details } },
    {
      type: "test:fail",
      data: { name: "no object", nesting: 0, details: { ...details, error: 1 } },
    },
    { type: "test:pass", data: { name: "", nesting: 0, details } },
  ]) {
    reporter.write(event);
  }
  await new Promise<void>((resolve) => reporter.end(resolve));
  await finished(reporter.resume());
  expect((await lab.results("odd")).map((each) => [shortRow(each), each.status])).toEqual([
    ["(no name)", Status.PASSED],
    ["no error", Status.FAILED],
    ["no object", Status.FAILED],
  ]);
});

interface RunChanges {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How many times the reporter is loaded. */
  readonly reporters?: number;
}

async function run(runId: string, files: readonly string[], changes: RunChanges = {}) {
  const { args = [], env = {}, reporters = 1 } = changes;
  const out = join(folder, runId);
  await mkdir(out);
  const reporter = ["--test-reporter", REPORTER, "--test-reporter-destination", "stdout"];
  return lab.run({
    project: "node-test",
    args: [
      "--test",
      ...args,
      `--test-reporter=./events.js`,
      `--test-reporter-destination=${out}/events`,
      ...Array(reporters).fill(reporter).flat(),
      ...files,
    ],
    runId,
    env: { FIXTURE_OUT: out, ...env },
  });
}

function shortRow({ test, repeatIndex }: TestResult): string {
  const name = test?.name === "(file)" ? `${test.file.split("/").at(-1)} (file)` : test?.name;
  const repeat = repeatIndex === 0 ? "" : ` #${repeatIndex + 1}`;
  return `${test?.suite ? `${test.suite}: ` : ""}${name}${repeat}`;
}

/** What is reported of a describe, which Node does not count as a test. */
const OF_DESCRIBE = new Set(["(describe)", "before hook", "after hook"]);
