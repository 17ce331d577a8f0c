import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { RunState, Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import PlaywrightReporter from "../../src/reporters/playwright.js";
import { expectLiveAndKept } from "./live-run.js";
import {
  PLAYWRIGHT_PROJECT,
  readOwnReport,
  rowOf,
  rowsOf,
  verdictCounts,
} from "./playwright-report.js";
import { type ReporterLab, startReporterLab } from "./reporter-lab.js";
import { outcomes } from "./stored-results.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
let lab: ReporterLab;
let folder: string;
beforeAll(async () => {
  lab = await startReporterLab();
  folder = await mkdtemp(join(tmpdir(), "tally-playwright-"));
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Starting a framework takes many seconds on a machine that does much else. */
vi.setConfig({ testTimeout: 120_000 });

/** Runs a project of one file of tests, outside of this repository, by one worker. */
async function runElsewhere(
  name: string,
  config: string,
  tests: string,
  ...args: readonly string[]
) {
  const project = join(folder, name);
  await mkdir(join(project, "specs"), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(project, "node_modules"));
  const reporter = JSON.stringify(join(ROOT, "dist/src/reporters/playwright.js"));
  await writeFile(
    join(project, "playwright.config.js"),
    `module.exports = { testDir: "specs", workers: 1, reporter: [[${reporter}]], ${config} };`,
  );
  await writeFile(
    join(project, "specs/a.spec.js"),
    `const { test } = require("@playwright/test");\n${tests}`,
  );
  return lab.run({
    project: relative(join(ROOT, "test/fixtures/projects"), project),
    args: ["node_modules/@playwright/test/cli.js", "test", ...args],
    runId: name,
  });
}

it("names files from the folder of the config where there is no repository", async () => {
  await runElsewhere("elsewhere", "", `test("passes", () => {});`);
  const results = await lab.results("elsewhere");
  expect(results.map(({ test }) => test?.file)).toEqual(["specs/a.spec.js"]);
});

it("keeps the results of projects apart that have no name", async () => {
  const { stderr } = await runElsewhere(
    "unnamed",
    `projects: [{ use: { locale: "en" } }, { use: { locale: "de" } }]`,
    `test("speaks", ({ locale }) => {
      if (locale === "de") throw new Error("nein");
    });`,
    "--repeat-each=2",
    "--retries=1",
  );
  expect(stderr).toContain("tally: 6 of 6 results are at");
  expect(outcomes(await lab.results("unnamed"), "speaks")).toEqual([
    ["PASSED", 1, 0],
    ["PASSED", 1, 1],
    ["FAILED", 1, 2],
    ["FAILED", 1, 3],
    ["FAILED", 2, 2],
    ["FAILED", 2, 3],
  ]);
  expect(await lab.finishedRun("unnamed")).toMatchObject({
    status: Status.FAILED,
    totals: { resultCount: 6n, conflictCount: 0n },
  });
});

it("tells of the test that was under way when the time of all was up", async () => {
  const { stderr } = await runElsewhere(
    "late",
    "globalTimeout: 10_000",
    `test("ends", () => {});
    test("hangs", () => new Promise((resolve) => setTimeout(resolve, 60_000)));
    test("waits", () => {});`,
  );
  expect(stderr).toMatch(/^tally: (\d) of \1 results are at .*\n$/);
  const results = await lab.results("late");
  expect(results.filter(({ test }) => test?.name !== "(run)")).toMatchObject([
    { test: { name: "ends" }, status: Status.PASSED },
    { test: { name: "hangs" }, status: Status.ERRORED, rawStatus: "interrupted" },
    { test: { name: "waits" }, status: Status.PRECLUDED },
  ]);
});

it("reports what Playwright reports", async () => {
  const { exitCode, stdout, stderr } = await run("all", "all");
  expect(exitCode).toBe(1);
  // Its own report is printed as if there were no other reporter.
  expect(stdout).toMatch(/\d+ failed\n/);
  expect(stderr).toContain("tally: 33 of 33 results are at");
  const results = await lab.results("all");
  const own = await readOwnReport(join(folder, "all/report.json"));
  expect(results.map(rowOf).sort()).toEqual(rowsOf(own).sort());
  expect(verdictCounts(results)).toEqual({
    expected: own.stats.expected,
    unexpected: own.stats.unexpected,
    flaky: own.stats.flaky,
    skipped: own.stats.skipped,
  });
  expect(Object.fromEntries(results.map((each) => [shortRow(each), Status[each.status]]))).toEqual({
    "passes 1": "PASSED",
    "outer > inner: same title 1": "PASSED",
    "outer: same title 1": "PASSED",
    "outer: adds 1 1": "PASSED",
    "outer: adds 2 1": "PASSED",
    "throws a text 1": "FAILED",
    "fails softly, twice 1": "FAILED",
    "times out 1": "FAILED",
    "crashes 1": "ERRORED",
    "is skipped 1": "SKIPPED",
    "is skipped inside 1": "SKIPPED",
    "is to be fixed 1": "SKIPPED",
    "fails as expected 1": "PASSED",
    "passes unexpectedly 1": "FAILED",
    "is tagged 1": "PASSED",
    "has a name like ünïcödé 🎉 \ufffd 1": "PASSED",
    "writes much 1": "PASSED",
    "rejects unhandled, always 1": "FAILED",
    "rejects unhandled, always 2": "FAILED",
    "before all: first 1": "ERRORED",
    "before all: second 1": "PRECLUDED",
    "before each: only 1": "ERRORED",
    "after each: passes itself 1": "ERRORED",
    "after each: fails itself 1": "FAILED",
    "after all: only 1": "ERRORED",
    "steps: first 1": "PASSED",
    "steps: second 1": "FAILED",
    "steps: third 1": "PRECLUDED",
    "steps: first 2": "PASSED",
    "steps: second 2": "PASSED",
    "steps: third 2": "PASSED",
    "runs in each project 1": "PASSED",
  });

  const named = (name: string) => results.find(({ test }) => test?.name === name);
  expect(named("passes")).toMatchObject({
    test: { file: `${PLAYWRIGHT_PROJECT}/all/outcomes.spec.js`, variant: { project: "one" } },
    location: { file: `${PLAYWRIGHT_PROJECT}/all/outcomes.spec.js`, line: 3 },
    rawStatus: "passed",
    stdout: "to stdout\n",
    stderr: "to stderr\n",
  });
  expect(Math.abs(Date.now() / 1000 - Number(named("passes")?.startTime?.seconds))).toBeLessThan(
    300,
  );
  expect(named("times out")).toMatchObject({ rawStatus: "timedOut", failure: { kind: "timeout" } });
  expect(named("times out")?.duration?.nanos).toBeGreaterThan(99_000_000);
  expect(named("is skipped inside")).toMatchObject({
    rawStatus: "skip",
    skipReason: "not on this system",
    tags: { issue: "TAL-1" },
  });
  expect(named("is to be fixed")?.rawStatus).toBe("fixme");
  expect(named("fails as expected")).toMatchObject({
    rawStatus: "failed",
    failure: { kind: "assertion" },
  });
  expect(named("passes unexpectedly")?.failure?.message).toContain("expected to be failed");
  expect(named("throws a text")?.failure?.message).toContain("no error, and a lone");
  const soft = named("fails softly, twice")?.failure;
  expect(soft).toMatchObject({ kind: "assertion", type: "Error" });
  expect(soft?.message.match(/expect\(received\)/g)).toHaveLength(2);
  expect(soft?.trace).toContain("outcomes.spec.js:");
  expect(named("rejects unhandled, always")?.failure).toMatchObject({
    type: "TypeError",
    message: "TypeError: nobody listens",
  });
  expect(named("is tagged")?.tags).toEqual({ slow: "" });
  expect(named("writes much")?.truncations).toMatchObject([{ field: "stdout" }]);
  expect(
    results.flatMap(({ test }) => (test?.name === "runs in each project" ? [test.variant] : [])),
  ).toEqual(expect.arrayContaining([{ project: "one" }, { project: "two", browser: "firefox" }]));
  expect(await lab.finishedRun("all")).toMatchObject({
    state: RunState.FINISHED,
    status: Status.ERRORED,
    labels: { kind: "fixture" },
    totals: { resultCount: 33n, conflictCount: 0n, rejectedCount: 0n },
  });
});

it("loaded twice stores nothing twice, and says which tests a stop precludes", async () => {
  const { exitCode } = await run("stops", "stops", {
    args: ["--max-failures=1", "--shard=1/2"],
    env: { FIXTURE_REPORTERS: "2" },
  });
  expect(exitCode).toBe(1);
  expect(
    (await lab.results("stops")).map((each) => [shortRow(each), each.status, each.rawStatus]),
  ).toEqual([
    ["(run) 1", Status.ERRORED, ""],
    ["does not run 1", Status.PRECLUDED, "did not run"],
    ["fails 1", Status.FAILED, "failed"],
    ["would not run anyway 1", Status.SKIPPED, "skipped"],
  ]);
  const { run: stored, parts } = await lab.client.stats.getRun({ runId: "stops" });
  expect(stored?.totals).toMatchObject({ resultCount: 4n, conflictCount: 0n });
  expect(parts).toMatchObject([
    { part: { shardIndex: 1, shardTotal: 2, producer: "tally-playwright" }, missingCount: 0n },
  ]);
});

it("stays out of the way without a token, and of a list of tests", async () => {
  const silent = await run("broken", "silent", { env: { TALLY_TOKEN: "" } });
  expect(silent).toMatchObject({
    exitCode: 1,
    stderr: "tally: there is no TALLY_TOKEN, so results are not reported\n",
  });
  const list = await run("stops", "list", { args: ["--list"] });
  expect(list).toMatchObject({ exitCode: 0, stderr: "" });
  await expect(lab.client.stats.getRun({ runId: "list" })).rejects.toThrow("not_found");
});

it("reports a file that does not load, also when the server is not there", async () => {
  const { exitCode, stderr } = await run("broken", "broken", {
    env: { TALLY_URL: "http://127.0.0.1:9" },
  });
  expect(exitCode).toBe(1);
  expect(stderr).toContain('send them with "tally spool send"');
  expect(await lab.sendSpool()).toMatchObject([{ outcome: "sent", acceptedCount: 1 }]);
  const own = await readOwnReport(join(folder, "broken/report.json"));
  const results = await lab.results("broken");
  expect(results).toHaveLength(own.errors.length);
  expect(results).toMatchObject([
    {
      test: { file: `${PLAYWRIGHT_PROJECT}/broken/broken.spec.js`, name: "(file)" },
      status: Status.ERRORED,
      failure: { message: "Error: this file does not load" },
      location: { line: 4 },
    },
  ]);
});

it("shows results while the run goes on, and keeps those that the server does not take", async () => {
  await expectLiveAndKept(lab, "live", (env) => run("live", "live", { env }));
  expect((await lab.results("live"))[0]?.tags).toEqual({ note: "early" });
});

it("loses no more than what it does not understand", async () => {
  const reporter = new PlaywrightReporter({
    url: lab.url,
    token: lab.server.ingestToken,
    runId: "odd",
    spoolDir: lab.spoolDir,
  });
  const callOf = (target: object, hook: string, ...given: unknown[]) =>
    Reflect.apply(Reflect.get(target, hook), target, given);
  const call = (hook: string, ...given: unknown[]) => callOf(reporter, hook, ...given);
  const suite = { type: "describe", title: "odd", project: () => undefined };
  const test = {
    title: "",
    parent: suite,
    location: { file: "/x.js", line: 1 },
    tags: [],
    annotations: [],
  };
  const result = {
    status: "passed",
    retry: 0,
    startTime: new Date(Number.NaN),
    errors: [],
    steps: [],
    stdout: [],
    stderr: [],
    annotations: [],
  };
  const unrun = { ...test, title: "never", results: [] };
  call("onTestEnd", test, result);
  call("onBegin", { rootDir: "/", shard: null }, { allTests: () => [{}, unrun, null] });
  call("onTestEnd", undefined, undefined);
  call("onTestEnd", {}, {});
  call("onTestEnd", { ...test, expectedStatus: "passed" }, result);
  call("onError", undefined);
  call("onError", {});
  await call("onEnd");
  expect((await lab.results("odd")).map((each) => [shortRow(each), each.status])).toEqual([
    ["odd: (no title) 1", Status.PASSED],
    ["(run) 1", Status.ERRORED],
    ["odd: never 1", Status.PRECLUDED],
  ]);
  const broken = new PlaywrightReporter();
  expect(() => callOf(broken, "onBegin")).not.toThrow();
  expect(await broken.onEnd()).toBeUndefined();
});

interface RunChanges {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function run(tests: string, runId: string, { args = [], env = {} }: RunChanges = {}) {
  const out = join(folder, runId);
  await mkdir(out);
  return lab.run({
    project: "playwright",
    args: ["node_modules/@playwright/test/cli.js", "test", ...args],
    runId,
    env: { FIXTURE_TESTS: tests, FIXTURE_OUT: out, ...env },
  });
}

function shortRow({ test, attempt }: TestResult): string {
  const suite = test?.suite ? `${test.suite}: ` : "";
  return `${suite}${test?.name} ${attempt}`;
}
