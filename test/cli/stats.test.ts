import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Verdict } from "../../gen/tally/v1/stats_pb.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { runCli } from "./run-cli.js";

// Each command is a process.
vi.setConfig({ testTimeout: 120_000 });
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await report("base", Status.PASSED, [
    { name: "adds", status: Status.PASSED },
    { name: "pays", status: Status.PASSED },
    { name: "=ships", status: Status.FAILED },
  ]);
  await report("head", Status.FAILED, [
    { name: "adds", status: Status.PASSED },
    { name: "pays", status: Status.FAILED, attempt: 1 },
    { name: "pays", status: Status.PASSED, attempt: 2 },
    { name: "=ships", status: Status.PASSED },
    { name: "returns", status: Status.FAILED },
  ]);
  const { stats } = server.client(server.readToken);
  const isFlaky = async () => (await stats.listFlakyTests({})).tests[0]?.test?.verdict;
  await vi.waitFor(async () => expect(await isFlaky()).toBe(Verdict.FLAKY), 20_000);
});
afterAll(() => server[Symbol.asyncDispose]());

describe("of a project", () => {
  it("tells how it is doing", async () => {
    const { code, stdout } = await tally("stats");
    expect(code).toBe(0);
    expect(stdout).toContain("results passed: 62.5% (");
    const answer = await json("stats", "--branch", "main");
    expect(answer).toMatchObject({ runs: { runCount: "2", passedCount: "1", failedCount: "1" } });
    expect(await json("stats", "--branch", "none")).not.toHaveProperty("runs.runCount");
  });

  it("tells it by hour, as rows for a program", async () => {
    const rows = await csv("stats", "series", "--unit", "hour", "--from", hoursAgo(3));
    expect(rows.length).toBeGreaterThanOrEqual(4);
    expect(rows.at(-1)).toMatchObject({ runs: "2", results: "8" });
  });

  it("lists its tests by what troubles people", async () => {
    const names = async (...args: string[]) =>
      (await csv("tests", ...args)).map(({ test, results, failed }) => [test, results, failed]);
    expect(await names("--sort", "failures", "--limit", "3")).toEqual(
      [
        ["cart > pays", "3", "1"],
        ["'cart > =ships", "2", "1"],
        ["cart > returns", "1", "1"],
      ].map(([test, ...rest]) => [test?.replace("'", ""), ...rest]),
    );
    expect(await names("--text", "add")).toEqual([["cart > adds", "2", "0"]]);
    const { stdout } = await tally("tests", "--text", "nothing of the kind");
    expect(stdout).toContain("no test has results in this window");
  });

  it("lists its runs", async () => {
    expect(await csv("runs", "list", "--branch", "main")).toMatchObject([
      { run_id: "head", results: "5", failed: "2" },
      { run_id: "base", results: "3" },
    ]);
    expect((await tally("runs", "list", "--branch", "none")).stdout).toBe(
      "no such run is stored\n",
    );
  });

  it("names flaky tests with the runs that contradict each other", async () => {
    expect(await csv("flaky", "--verdicts", "flaky")).toMatchObject([
      { test: "cart > pays", verdict: "FLAKY", failed_in: "head", passed_in: "head", of: "3" },
    ]);
    expect((await tally("flaky", "--verdicts", "broken")).stdout).toContain(
      "no test was flaky in this window",
    );
  });

  it("groups what fails for the same reason", async () => {
    expect(await csv("failures", "--window", "7")).toMatchObject([
      { failures: "3", tests: "3", runs: "2", message: "<n> is not <n>" },
    ]);
    expect(await csv("failures", "--run", "base")).toMatchObject([{ failures: "1", tests: "1" }]);
  });
});

describe("a comparison of runs", () => {
  it("is a gate: exit code 1 where a test fails newly", async () => {
    const { code, stdout } = await tally("compare", "base", "head");
    expect(code).toBe(1);
    expect(stdout).toContain("new failures: 1\n");
    expect(await csv("compare", "base", "head")).toMatchObject([
      { change: "fixed", test: "cart > =ships", base: "FAILED", head: "PASSED" },
      { change: "added", test: "cart > returns", base: "", head: "FAILED" },
    ]);
    expect((await tally("compare", "head", "head")).code).toBe(0);
    const unknown = await tally("compare", "base", "nowhere");
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toContain("nowhere");
  });

  it("is no pass where a failure was refused", async () => {
    const { ingest } = server.client(server.ingestToken);
    const run = { runId: "refused" };
    const results = [{ test: { name: "" }, status: Status.FAILED }];
    await ingest.ingestRun({ run: { runId: "empty" } });
    await ingest.ingestRun({ run, results });
    const { code, stderr } = await tally("compare", "empty", "refused");
    expect(code).toBe(1);
    expect(stderr).toContain("refused results of the head run that failed: 1");
  });
});

it.each([
  [["stats", "--from", "yesterday"], "--from"],
  [["tests", "--window", "8"], "--window"],
  [["tests", "--sort", "beauty"], "--sort"],
  [["flaky", "--verdicts", "bad"], "--verdicts"],
  [["failures", "--limit", "0"], "--limit"],
  [["compare", "base"], "head-run-id"],
])("refuses %j and names what is wrong", async (args, named) => {
  const { code, stderr } = await tally(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(named);
});

interface Reported {
  readonly name: string;
  readonly status: Status;
  readonly attempt?: number;
}

async function report(runId: string, status: Status, results: readonly Reported[]) {
  await server.client(server.ingestToken).ingest.ingestRun({
    run: { runId, status, source: { branch: "main", commitSha: runId } },
    results: results.map(({ name, ...rest }, i) => ({
      ...rest,
      test: { suite: "cart", name },
      ...(rest.status === Status.FAILED ? { failure: { message: `${i} is not ${i + 7}` } } : {}),
    })),
  });
}

function tally(...args: string[]) {
  return runCli(args, { env: { TALLY_URL: server.url, TALLY_TOKEN: server.readToken } });
}

async function json(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await tally(...args, "--json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** The rows by column; no value here has a comma or a quote. */
async function csv(...args: string[]): Promise<Record<string, string>[]> {
  const { stdout } = await tally(...args, "--format", "csv");
  const [head = "", ...lines] = stdout.trimEnd().split(/\r?\n/);
  const columns = head.split(",");
  return lines.map((line) => {
    const values = line.split(",");
    return Object.fromEntries(columns.map((column, i) => [column, values[i] ?? ""]));
  });
}

function hoursAgo(hours: number): string {
  return new Date(Date.now() - hours * 3_600_000).toISOString();
}
