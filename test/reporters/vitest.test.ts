import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RunState, Status, type TestResult } from "../../gen/tally/v1/run_pb.js";
import { startVitestLab, type VitestLab } from "./vitest-lab.js";

let fixtures: VitestLab;
beforeAll(async () => {
  fixtures = await startVitestLab();
});
afterAll(() => fixtures[Symbol.asyncDispose]());

/** Starting a framework takes many seconds on a machine that does much else. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

it("leaves out errors of no test that Vitest is told to ignore", async () => {
  const args = ["all/rejects", "--dangerouslyIgnoreUnhandledErrors"];
  expect((await fixtures.vitest("ignored", args)).exitCode).toBe(0);
  expect(await fixtures.lab.finishedRun("ignored")).toMatchObject({
    status: Status.PASSED,
    totals: { resultCount: 1n },
  });
});

describe("of a run with everything in it", () => {
  let run: Awaited<ReturnType<VitestLab["vitest"]>>;
  let results: readonly TestResult[];
  beforeAll(async () => {
    run = await fixtures.vitest("all", ["all/"]);
    results = await fixtures.lab.results("all");
  });
  const of = (name: string) =>
    results
      .filter(({ test }) => test?.name === name)
      .map(({ status, attempt, repeatIndex }) => [Status[status], attempt, repeatIndex]);
  const one = (name: string) => results.find(({ test }) => test?.name === name);

  it("stores every test as Vitest reports it", async () => {
    const { tests, others } = await fixtures.stored("all");
    expect(run.exitCode).toBe(1);
    expect(run.own).toHaveLength(36);
    expect(tests).toEqual(run.own);
    const { parts, run: found } = await fixtures.lab.client.stats.getRun({ runId: "all" });
    expect(found).toMatchObject({ state: RunState.FINISHED, status: Status.ERRORED });
    expect(parts).toMatchObject([{ part: { producer: "tally-vitest" } }]);
    expect(others.map(({ test, status }) => [test?.suite, test?.name, status]).sort()).toEqual([
      ["", "(file)", Status.ERRORED],
      ["", "(unhandled error)", Status.ERRORED],
      ["after all", "afterAll hook", Status.ERRORED],
      ["before all", "beforeAll hook", Status.ERRORED],
      ["slow before all", "beforeAll hook", Status.ERRORED],
    ]);
    expect(one("(unhandled error)")).toMatchObject({
      test: { file: `${PROJECT}/all/rejects.spec.js` },
      rawStatus: "Unhandled Rejection",
      failure: { message: "nobody waits" },
    });
    expect(one("(file)")?.failure?.message).toContain("Cannot find module './nowhere.js'");
  });

  it("makes each attempt a result", () => {
    expect(of("passes at the third try")).toEqual([
      ["FAILED", 1, 0],
      ["FAILED", 2, 0],
      ["PASSED", 3, 0],
    ]);
    expect(of("fails at every try")).toEqual([
      ["FAILED", 1, 0],
      ["FAILED", 2, 0],
    ]);
    const tries = results.filter(({ test }) => test?.name === "passes at the third try");
    expect(tries.map(({ failure }) => failure?.message ?? "")).toEqual([
      "expected 1 to be 3 // Object.is equality",
      "expected 2 to be 3 // Object.is equality",
      "",
    ]);
    expect(tries.map(({ startTime }) => startTime !== undefined)).toEqual([false, false, true]);
    expect(of("begins at the second try")).toEqual([
      ["FAILED", 1, 0],
      ["PASSED", 2, 0],
    ]);
    expect(of("is repeated")).toEqual([["PASSED", 1, 0]]);
  });

  it("tells tests of one title apart, in the order of the file", () => {
    expect(of("has a namesake")).toEqual([
      ["PASSED", 1, 0],
      ["FAILED", 1, 1],
    ]);
    expect(of("adds")).toEqual([
      ["PASSED", 1, 0],
      ["PASSED", 1, 1],
    ]);
  });

  it("says what was skipped, what could not run, and what a hook broke", () => {
    expect(one("is skipped")).toMatchObject({ status: Status.SKIPPED, rawStatus: "skipped" });
    expect(one("is to be done")).toMatchObject({ status: Status.SKIPPED, rawStatus: "todo" });
    expect(one("skips itself")).toMatchObject({ status: Status.SKIPPED, skipReason: "not here" });
    expect(one("was not to run")?.status).toBe(Status.SKIPPED);
    for (const name of ["cannot run", "cannot run either", "waits in vain"]) {
      expect(of(name)).toEqual([["PRECLUDED", 1, 0]]);
    }
    expect(of("is not reached")).toEqual([["ERRORED", 1, 0]]);
    expect(of("held")).toEqual([["ERRORED", 1, 0]]);
    expect(of("did not hold")).toEqual([["FAILED", 1, 0]]);
    expect(of("held before")).toEqual([["PASSED", 1, 0]]);
    expect(of("takes too long")).toEqual([["FAILED", 1, 0]]);
    expect(of("fails as expected")).toEqual([["PASSED", 1, 0]]);
    expect(of("passes unexpectedly")).toEqual([["FAILED", 1, 0]]);
  });

  it("has the failure, the place, the time and the output", () => {
    const compares = one("compares");
    expect(compares).toMatchObject({
      test: { suite: "cart > with goods", file: `${PROJECT}/all/outcomes.spec.js`, variant: {} },
      location: { file: `${PROJECT}/all/outcomes.spec.js`, line: 8 },
      failure: { type: "AssertionError", message: expect.stringContaining("deeply equal") },
    });
    expect(compares?.failure?.expected).toContain('"b": [');
    expect(compares?.failure?.actual).toContain('"b": [');
    expect(compares?.failure?.trace).toContain("outcomes.spec.js:8:");
    expect(Number(compares?.startTime?.seconds)).toBeGreaterThan(1.7e9);
    expect(compares?.duration?.nanos).toBeGreaterThan(0);
    expect(one("throws in colour")?.failure).toMatchObject({ type: "TypeError", message: "red" });
    expect(one("throws a text")?.failure?.message).toBe("no error");
    expect(one("throws nothing")?.status).toBe(Status.FAILED);
    expect(one("has half a pair \ufffd")?.status).toBe(Status.FAILED);
    const { stdout, stderr, truncations } = one("says much") ?? {};
    expect(stdout).toMatch(/^x{60000}/);
    expect(truncations).toMatchObject([{ field: "stdout", originalBytes: 100_001n }]);
    expect(stderr).toBe("careful\n");
  });
});

it.concurrent("stores what a stopped run leaves out as precluded", async () => {
  const { exitCode, own } = await fixtures.vitest("bail", ["bail/"], { BAIL: "1" });
  const { tests, others } = await fixtures.stored("bail");
  expect(exitCode).toBe(1);
  expect(tests).toEqual(own);
  const precluded = (await fixtures.lab.results("bail")).filter(
    ({ status }) => status === Status.PRECLUDED,
  );
  expect(precluded.map(({ test }) => test?.name)).toEqual(["(file)", "comes after"]);
  expect(others.map(({ test }) => test?.file)).toEqual([`${PROJECT}/bail/second.spec.js`]);
});

it.concurrent("stores a test whose process ended as errored", async () => {
  const { exitCode, own } = await fixtures.vitest("crash", ["crash/"]);
  expect(exitCode).toBe(1);
  expect(own).toHaveLength(3);
  const results = await fixtures.lab.results("crash");
  expect(results.map(({ test, status }) => [test?.name, Status[status]])).toEqual([
    ["(unhandled error)", "ERRORED"],
    ["ends before", "ERRORED"],
    ["never begins", "ERRORED"],
    ["takes the process along", "ERRORED"],
  ]);
});

it.concurrent("loaded twice stores each test once, with project, type check and shard", async () => {
  // Four files: a half has both projects of each of its files. With three, the file in the middle would be
  // halved, and Vitest finds its projects in either order.
  const args = ["all/outcomes", "bail/", "types/", "--shard=2/2"];
  const { own, stderr } = await fixtures.vitest("twice", args, {
    TWICE: "1",
    PROJECTS: "1",
    TYPES: "1",
  });
  expect(stderr.match(/results are at/g)).toHaveLength(2);
  const { tests, others } = await fixtures.stored("twice");
  expect(others).toEqual([]);
  expect(tests).toEqual(own);
  const { parts } = await fixtures.lab.client.stats.getRun({ runId: "twice" });
  expect(parts).toMatchObject([{ part: { shardIndex: 2, shardTotal: 2 } }]);
  const variants = (await fixtures.lab.results("twice")).map(({ test }) => test?.variant);
  for (const project of ["north", "south"]) {
    expect(variants).toContainEqual({ project });
    expect(variants).toContainEqual({ project, check: "types" });
  }
});

const PROJECT = "test/fixtures/projects/vitest";
