import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type TestResult, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { read, SHARED_REPORTS } from "../formats/read.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { runCli } from "./run-cli.js";

// Each command is a process.
vi.setConfig({ testTimeout: 120_000 });
let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), "tally-export-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await server[Symbol.asyncDispose]();
});

const real = [
  "action-junit-report/nested/multi-level.xml",
  "action-junit-report/python/report_flaky.xml",
  "action-junit-report/mocha/mocha.xml",
].filter((path) => existsSync(join(SHARED_REPORTS, path)));

describe("a report that was uploaded", () => {
  it.each([
    "test/fixtures/reports/junit/surefire-retries.xml",
    "test/fixtures/reports/junit/pytest-repeats.xml",
    "test/fixtures/reports/junit/gtest-statuses.xml",
    ...real.map((path) => join(SHARED_REPORTS, path)),
  ])("is the same again in JUnit and CTRF: %s", async (path) => {
    const original = await read("junit", await readFile(path));
    const runId = `round trip of ${path}`;
    expect((await tally("upload", path, "--run-id", runId)).code).toBe(0);
    const junit = await tally("export", runId);
    expect(junit).toMatchObject({ code: 0, stderr: "" });
    const again = await read("junit", junit.stdout);
    expect(again).toMatchObject({ warnings: [], damage: undefined });
    expect(texts(again.results)).toEqual(texts(original.results));
    const ctrf = await tally("export", runId, "--format", "ctrf");
    expect(ctrf).toMatchObject({ code: 0, stderr: "" });
    const other = await read("ctrf", ctrf.stdout);
    expect(other).toMatchObject({ warnings: [], damage: undefined });
    expect(texts(other.results, "")).toEqual(texts(original.results, ""));
  });
});

describe("a run", () => {
  it("of several pages and jobs is written whole, with what is lost named and counted", async () => {
    const client = server.client(server.ingestToken);
    const results = Array.from({ length: 1500 }, (_, index) => ({
      test: { suite: "s", name: `n${index}` },
      status: 1,
      resultId: index === 7 ? "mine" : "",
    }));
    for (const job of ["a", "b"]) {
      await client.ingest.ingestRun({ run: { runId: "wide", status: 1 }, part: { job }, results });
    }
    const file = join(folder, "wide.xml");
    const { code, stdout, stderr } = await tally("export", "wide", "--output", file, "--json");
    expect(code).toBe(0);
    const lost = {
      "result ids of clients": 1,
      "job, shard and CI attempt": 2999,
      "attempts that do not count from 1": 1499,
    };
    expect(JSON.parse(stdout)).toEqual({
      runId: "wide",
      format: "junit",
      output: file,
      resultCount: 2999,
      lost,
    });
    expect(stderr).toContain("tally: junit cannot hold: result ids of clients (1 result)\n");
    expect(stderr).toContain(
      "tally: junit cannot hold: job, shard and CI attempt (2999 results)\n",
    );
    expect((await read("junit", await readFile(file))).results).toHaveLength(2999);
    expect(await readdir(folder)).toEqual(["wide.xml"]);
  });

  it("that has not finished is written as it is, and said to be", async () => {
    const client = server.client(server.ingestToken);
    await client.ingest.ingestRun({
      run: { runId: "open" },
      results: [{ test: { name: "n" }, status: 1 }],
    });
    const { code, stdout, stderr } = await tally("export", "open");
    expect(code).toBe(0);
    expect(stderr).toBe("tally: the run is RUNNING\n");
    expect(stdout).toContain('<testcase name="n"/>');
  });

  it("that is not known leaves no file", async () => {
    const { code, stderr } = await tally("export", "none", "--output", join(folder, "none.xml"));
    expect(code).toBe(1);
    expect(stderr).toContain("NOT_FOUND");
    expect(await readdir(folder)).not.toContain("none.xml");
  });

  it("needs a file beside --json", async () => {
    const { code, stderr } = await tally("export", "x", "--json");
    expect(code).toBe(2);
    expect(stderr).toContain("--json needs --output");
  });
});

function tally(...args: string[]) {
  return runCli(args, { env: { TALLY_URL: server.url, TALLY_TOKEN: server.allToken } });
}

/** The results as texts, whatever their order, with times as a server keeps them. */
function texts(results: readonly { readonly result: TestResult }[], rawStatus?: string): string[] {
  return results
    .map(({ result }) => {
      const duration = result.duration && {
        ...result.duration,
        nanos: Math.floor(result.duration.nanos / 1000) * 1000,
      };
      const kept = create(TestResultSchema, {
        ...result,
        ...(duration && { duration }),
        ...(rawStatus === undefined ? {} : { rawStatus }),
        repairedFields: [],
        tags: Object.fromEntries(Object.entries(result.tags).sort()),
      });
      return JSON.stringify(toJson(TestResultSchema, kept));
    })
    .sort();
}
