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

const jest = (runId: string, args: readonly string[], env: Record<string, string> = {}) =>
  lab.run({
    project: "jest",
    args: ["node_modules/jest/bin/jest.js", "--json", ...args],
    runId,
    env,
  });

/** What Jest says itself of a run, with what is needed here of it. */
interface JestReport {
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly invocations: number;
      readonly location: { readonly line: number } | null;
    }[];
  }[];
}

const reportOf = ({ stdout }: ProjectRun) => JSON.parse(stdout) as JestReport;
const FOLDER = "test/fixtures/projects/jest/";

/** All tests of Jest's report as lines: place, title, status, how often it was tried. */
function told({ testResults }: JestReport): string[] {
  return testResults
    .flatMap(({ name, assertionResults }) =>
      assertionResults.map((each) =>
        [
          name.slice(name.indexOf(FOLDER)),
          ...each.ancestorTitles,
          each.title.toWellFormed(),
          each.location?.line ?? 0,
          each.status,
          each.invocations,
        ].join(" > "),
      ),
    )
    .sort();
}

/** The last attempts among results as the same lines; not those of files as a whole. */
function stored(results: readonly TestResult[]): string[] {
  return lastAttempts(results)
    .filter(({ test }) => test?.name !== "(file)")
    .map(({ test, location, rawStatus, attempt }) =>
      [test?.file, test?.suite, test?.name, location?.line, rawStatus, attempt]
        .filter((part) => part !== "")
        .join(" > "),
    )
    .sort();
}

const LATE = "rejects after its end";
const isNotLate = (line: string) => !line.includes(LATE);

it.each([
  ["in one process", "-i"],
  ["in workers", "-w2"],
])("reports what Jest reports, %s", async (_, where) => {
  const runId = `all${where}`;
  const run = await jest(runId, ["all/", where]);
  expect(run.exitCode).toBe(1);
  const report = reportOf(run);
  const results = await lab.results(runId);
  // On a slow machine Jest says beside it that it had to end a worker.
  expect(run.stderr.match(/^tally: .*$/gm)).toEqual([
    `tally: ${results.length} of ${results.length} results are at ${new URL(lab.url).origin} as run ${runId}`,
  ]);
  expect(stored(results).filter(isNotLate)).toEqual(told(report).filter(isNotLate));
  expect(named(results, LATE)).toMatchObject([
    { status: Status.PASSED, repeatIndex: 0 },
    { status: Status.FAILED, repeatIndex: 1, failure: { message: "too late" } },
  ]);
  const files = named(results, "(file)");
  expect(files).toHaveLength(report.numRuntimeErrorTestSuites);
  expect(files.map(({ test, failure }) => [test?.file, failure?.message])).toEqual(
    expect.arrayContaining([
      [`${FOLDER}all/after-all.test.js`, "after all"],
      [`${FOLDER}all/empty.test.js`, "Your test suite must contain at least one test."],
      [`${FOLDER}all/environment.test.js`, "no environment"],
      [
        `${FOLDER}all/missing.test.js`,
        expect.stringContaining("Cannot find module './nowhere.js'"),
      ],
      [`${FOLDER}all/unreadable.test.js`, "Unexpected end of input"],
    ]),
  );
  expect(files.every(({ status }) => status === Status.ERRORED)).toBe(true);
  expectOutcomes(results);
  expect(await lab.finishedRun(runId)).toMatchObject({ state: RunState.FINISHED });
});

function expectOutcomes(results: readonly TestResult[]): void {
  expect(only(results, "passes too")).toMatchObject({
    test: { suite: "outer > inner", file: `${FOLDER}all/outcomes.test.js`, variant: {} },
    status: Status.PASSED,
    attempt: 1,
    location: { file: `${FOLDER}all/outcomes.test.js`, line: 7 },
  });
  expect(only(results, "passes too")?.startTime?.seconds).toBeGreaterThan(1_700_000_000n);
  expect(only(results, "passes too")?.duration?.nanos).toBeGreaterThan(20e6);
  expect(only(results, "compares")).toMatchObject({
    status: Status.FAILED,
    failure: {
      type: "Error",
      message: expect.stringMatching(/^expect\(received\)\.toEqual\(expected\)/),
      trace: expect.stringContaining("outcomes.test.js:6:"),
      expected: "{ a: 1, b: [ 3 ] }",
      actual: "{ a: 1, b: [ 2 ] }",
    },
  });
  expect(only(results, "throws a text")).toMatchObject({
    failure: { message: 'thrown: "just text"' },
  });
  expect(only(results, "throws colours")).toMatchObject({
    failure: { type: "TypeError", message: "red text" },
  });
  expect(only(results, "says much")?.truncations).not.toEqual([]);
  expect(only(results, "grüßt 🙂 and half of one \ufffd")).toMatchObject({ status: Status.PASSED });
  expect(only(results, "is skipped anyway")).toMatchObject({ status: Status.SKIPPED });
  expect(only(results, "is skipped anyway")?.failure).toBeUndefined();
  expect(only(results, "is to be written")).toMatchObject({
    status: Status.SKIPPED,
    rawStatus: "todo",
  });
  expect(only(results, "passes although it should not")).toMatchObject({ status: Status.FAILED });
  expect(only(results, "takes too long")).toMatchObject({ status: Status.FAILED });
  for (const name of ["has no ground", "is not tidied", "waits for its hook"]) {
    expect(only(results, name), name).toMatchObject({ status: Status.ERRORED });
  }
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
}

it("tells projects apart that run the same file at the same time", async () => {
  const run = await jest("projects", ["-c", "projects.config.js", "-w4"]);
  const results = await lab.results("projects");
  const count = (project: string, status: string) =>
    results.filter(
      ({ test, rawStatus }) => test?.variant["project"] === project && rawStatus === status,
    ).length;
  expect(run.exitCode).toBe(1);
  // Two files of three tests: in `browser` one fails three times, and one fails twice before it passes.
  expect(count("node", "passed")).toBe(6);
  expect(count("node", "failed")).toBe(0);
  expect(count("browser", "passed")).toBe(4);
  expect(count("browser", "failed")).toBe(10);
  expect(results).toHaveLength(20);
});

it("is visible while tests run, and keeps what comes after the server is gone", () =>
  expectLiveAndKept(lab, "cut", (env) => jest("cut", ["live/", "--testTimeout=100000"], env)));

it("without a token says so once, and does not change the build", async () => {
  const run = await jest("none", ["dies/stays"], { TALLY_TOKEN: "" });
  expect(run.exitCode).toBe(0);
  expect(run.stderr).toBe("tally: there is no TALLY_TOKEN, so results are not reported\n");
  expect(reportOf(run).testResults).toHaveLength(1);
});

it("keeps everything when the server is down, and counts a file that dies", async () => {
  const { exitCode, stderr } = await jest("down", ["dies/", "-w2", "--shard=1/1"], {
    TALLY_URL: "http://127.0.0.1:9",
  });
  expect(exitCode).toBe(1);
  expect(stderr).toContain('send them with "tally spool send"');
  await lab.sendSpool();
  const results = await lab.results("down");
  expect(named(results, "lives on")).toMatchObject([{ status: Status.PASSED }]);
  expect(named(results, "(file)")).toMatchObject([
    { status: Status.ERRORED, failure: { message: expect.stringContaining("SIGKILL") } },
  ]);
  const { parts } = await lab.client.stats.getRun({ runId: "down" });
  expect(parts).toMatchObject([{ part: { shardIndex: 1, shardTotal: 1, producer: "tally-jest" } }]);
});

it("loaded twice stores nothing twice, also when the run bails out", async () => {
  const reporter = "../../../../dist/src/reporters/jest.js";
  const { exitCode, stderr } = await jest("twice", [
    ...["all/retries", "dies/stays", "-i", "--bail=1"],
    ...["--reporters", reporter, "--reporters", `./${reporter}`],
  ]);
  expect(exitCode).toBe(1);
  expect(stderr.match(/results are at/g)).toHaveLength(2);
  const results = await lab.results("twice");
  expect(named(results, "fails always")).toHaveLength(3);
  expect(named(results, "passes at last")).toHaveLength(3);
  expect(await lab.finishedRun("twice")).toMatchObject({ state: RunState.FINISHED });
});
