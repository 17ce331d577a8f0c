import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { RunState, Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import { expectLiveAndKept } from "./live-run.js";
import { type ProjectRun, type ReporterLab, startReporterLab } from "./reporter-lab.js";
import { lastAttempts, named, only, outcomes } from "./stored-results.js";

let lab: ReporterLab;
beforeAll(async () => {
  lab = await startReporterLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Starting a framework takes many seconds on a machine that does much else. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const mocha = (runId: string, args: readonly string[], env: Record<string, string> = {}) =>
  lab.run({
    project: "mocha",
    args: ["node_modules/mocha/bin/mocha.js", "--reporter", REPORTER, ...args],
    runId,
    env,
  });

/** Whole, because Mocha looks beside its own files first. */
const REPORTER = fileURLToPath(new URL("../../dist/src/reporters/mocha.js", import.meta.url));
const FOLDER = "test/fixtures/projects/mocha/";

/** What Mocha says itself of a run, with what is needed here of it. */
type MochaReport = Readonly<
  Record<"passes" | "failures" | "pending", readonly { fullTitle: string; file: string }[]>
>;

const reportOf = ({ stdout }: ProjectRun) => JSON.parse(stdout) as MochaReport;

/** All tests and hooks of Mocha's report as lines: outcome, file, titles. */
function told({ passes, failures, pending }: MochaReport): string[] {
  const lines = (outcome: string, tests: MochaReport["passes"]) =>
    tests.map(({ fullTitle, file = "" }) =>
      [outcome, file.slice(file.indexOf(FOLDER)), fullTitle.toWellFormed()].join(" | "),
    );
  return [
    ...lines("passed", passes),
    ...lines("failed", failures),
    ...lines("pending", pending),
  ].sort();
}

/** The last attempts among results as the same lines; not those that did not run. */
function stored(results: readonly TestResult[]): string[] {
  return lastAttempts(results)
    .filter(({ status }) => status !== Status.PRECLUDED)
    .map(({ test, rawStatus }) => {
      const titles = [...(test?.suite.split(" > ") ?? []), test?.name ?? ""].filter(Boolean);
      return [rawStatus, test?.file, titles.join(" ")].join(" | ");
    })
    .sort();
}

/** Mocha's report leaves out a skipped test that it never came to, and a try whose next one was precluded. */
const isTold = (line: string) => !/is skipped anyway$|has one try$/.test(line);

it.each([
  ["in one process", [], 0],
  ["in parallel", ["--parallel", "--jobs=2", "stop/"], 1],
])("reports what Mocha reports, %s", async (_, args, unreadable) => {
  const runId = `all${args[0] ?? ""}`;
  const run = await mocha(runId, ["all/", ...args, "--reporter-option", "reporter=json"]);
  const report = reportOf(run);
  const results = await lab.results(runId);
  const origin = new URL(lab.url).origin;
  const { length } = results;
  expect(run.exitCode).toBe(report.failures.length);
  expect(run.stderr).toBe(
    `tally: ${length} of ${length} results are at ${origin} as run ${runId}\n`,
  );
  expect(stored(results).filter(isTold)).toEqual(told(report));
  expect(named(results, "Uncaught error outside test suite")).toHaveLength(unreadable);
  expectOutcomes(results);
  // In parallel mode nobody tells when a test began.
  const [timed] = named(results, "passes too");
  expect((timed?.startTime?.seconds ?? 0n) > 1_700_000_000n).toBe(args.length === 0);
  expect(await lab.finishedRun(runId)).toMatchObject({ state: RunState.FINISHED });
});

function expectOutcomes(results: readonly TestResult[]): void {
  expect(only(results, "passes too")).toMatchObject({
    test: { suite: "outer > inner", file: `${FOLDER}all/outcomes.js`, variant: {} },
    status: Status.PASSED,
    attempt: 1,
    location: { file: `${FOLDER}all/outcomes.js` },
  });
  expect(only(results, "passes too")?.duration?.nanos).toBeGreaterThan(20e6);
  expect(only(results, "compares")).toMatchObject({
    status: Status.FAILED,
    failure: {
      type: "AssertionError",
      message: expect.stringContaining("Expected values to be loosely deep-equal"),
      trace: expect.stringContaining("outcomes.js:7:"),
      expected: expect.stringMatching(/a"?: 1.*b"?: \[\s+3\s+\]/s),
      actual: expect.stringMatching(/a"?: 1.*b"?: \[\s+2\s+\]/s),
    },
  });
  expect(only(results, "throws colours")).toMatchObject({
    failure: { type: "TypeError", message: "red text" },
  });
  expect(only(results, "says much")?.truncations).not.toEqual([]);
  expect(only(results, "is to be written")).toMatchObject({
    status: Status.SKIPPED,
    rawStatus: "pending",
  });
  expect(only(results, "takes too long")).toMatchObject({ status: Status.FAILED });
  expect(only(results, '"before all" hook: the ground for "has no ground"')).toMatchObject({
    test: { suite: "before all", file: `${FOLDER}all/hooks.js` },
    status: Status.ERRORED,
    failure: { message: "before all" },
  });
  expect(outcomes(results, "passes at last")).toEqual([
    ["FAILED", 1, 0],
    ["FAILED", 2, 0],
    ["PASSED", 3, 0],
  ]);
  expect(outcomes(results, "is tried")).toEqual([
    ["PASSED", 1, 0],
    ["FAILED", 1, 1],
    ["PASSED", 2, 1],
  ]);
  expect(outcomes(results, "is twice here")).toEqual([
    ["PASSED", 1, 0],
    ["FAILED", 1, 1],
  ]);
  expect(outcomes(results, "is done twice")).toEqual([
    ["PASSED", 1, 0],
    ["FAILED", 1, 1],
  ]);
}

it("names the tests that a hook or a bail precluded, and only those that were meant to run", async () => {
  const hooks = await mocha("precluded", ["all/hooks.js"]);
  const results = await lab.results("precluded");
  expect(hooks.stdout).toContain("is prepared");
  expect(
    results
      .filter(({ status }) => status === Status.PRECLUDED)
      .map(({ test, attempt, skipReason }) => [test?.name, attempt, skipReason]),
  ).toEqual([
    ["has no ground", 1, '"before all" hook: the ground for "has no ground"'],
    ["has none either", 1, '"before all" hook: the ground for "has no ground"'],
    ["has one try", 2, '"after each" hook for "has one try"'],
    ["is not come to", 1, '"before each" hook for "is not prepared"'],
    ["is not come to either", 1, '"after each" hook for "is not tidied"'],
    ["is not prepared", 1, '"before each" hook for "is not prepared"'],
    ["waits for its hook", 1, '"before all" hook for "waits for its hook"'],
  ]);
  expect(named(results, "is skipped anyway")).toMatchObject([{ status: Status.SKIPPED }]);
  await mocha("bail", ["all/outcomes.js", "--bail", "--grep", "throws|adds"]);
  expect(
    (await lab.results("bail")).map(({ test, status }) => [test?.name, Status[status]]),
  ).toEqual([
    ["adds 1 and 1 to 2", "PRECLUDED"],
    ["adds 1 and 2 to 4", "PRECLUDED"],
    ["throws a text", "FAILED"],
    ["throws colours", "PRECLUDED"],
    ["throws nothing", "PRECLUDED"],
    ["throws where nobody looks", "PRECLUDED"],
  ]);
});

it("is visible while tests run, and keeps what comes after the server is gone", () =>
  expectLiveAndKept(lab, "cut", (env) => mocha("cut", ["live/waits.js", "--timeout=100000"], env)));

it("without a token says so once, and Mocha prints as ever", async () => {
  const args = ["all/retries.js"];
  const without = await mocha("none", args, { TALLY_TOKEN: "" });
  expect(without.exitCode).toBe(1);
  expect(without.stderr).toBe("tally: there is no TALLY_TOKEN, so results are not reported\n");
  expect(without.stdout).toContain("1) fails always");
});

it.each([
  ["dot", /^\s+\.!\.\.\n/, ""],
  ["none", /^$/, ""],
  ["./own-reporter.js", /^own: 4\n$/, ""],
  [
    "missing",
    /1\) fails always/,
    'tally: there is no reporter missing for Mocha, so "spec" prints\n',
  ],
])("prints with the reporter %s", async (reporter, printed, said) => {
  const { stdout, stderr } = await mocha(
    "printed",
    ["all/retries.js", "--reporter-option", `reporter=${reporter}`],
    { TALLY_TOKEN: "" },
  );
  expect(stdout).toMatch(printed);
  expect(stderr).toContain(said);
});

it("keeps everything when the server is down, and a run that fails outside of tests is not green", async () => {
  const { exitCode, stderr } = await mocha("down", ["live/waits.js", "--require", "./setup.js"], {
    TALLY_URL: "http://127.0.0.1:9",
    TALLY_SPOOL_DIR: relative(FOLDER, lab.spoolDir),
  });
  expect(exitCode).toBe(1);
  expect(stderr).toContain('send them with "tally spool send"');
  await lab.sendSpool();
  expect(await lab.results("down")).toMatchObject([
    { test: { name: "(run)" }, status: Status.ERRORED },
  ]);
});

it("loaded twice stores nothing twice, also under a clock that stands still", async () => {
  const { exitCode, stderr } = await mocha("twice", [
    ...["clock/stops.js", "all/retries.js"],
    ...["--reporter-option", `reporter=${REPORTER}`],
  ]);
  expect(exitCode).toBe(1);
  expect(stderr.match(/results are at/g)).toHaveLength(2);
  const results = await lab.results("twice");
  expect(named(results, "fails always")).toHaveLength(3);
  expect(named(results, "stops the clock")).toHaveLength(1);
  expect(results.every(({ startTime }) => (startTime?.seconds ?? 0n) > 1_700_000_000n)).toBe(true);
  expect(await lab.finishedRun("twice")).toMatchObject({ state: RunState.FINISHED });
});

it("reports nothing of a dry run", async () => {
  const { exitCode, stderr } = await mocha("dry", ["all/hooks.js", "--dry-run"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
});
