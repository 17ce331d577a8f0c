import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RunState } from "../../gen/tally/v1/run_pb.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { runCliProcess } from "./run-cli.js";

// Each command is a process.
vi.setConfig({ testTimeout: 90_000 });
const HEAD = "1".repeat(40);
const REPORT = '<testsuite><testcase classname="cart" name="adds" time="0.1"/></testsuite>';

let server: TestServer;
/** Holds a report, and is no git repository. */
let folder: string;
let event: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), "tally-upload-"));
  event = join(folder, "event.json");
  await writeFile(join(folder, "report.xml"), REPORT);
  await writeFile(event, JSON.stringify({ pull_request: { number: 7, head: { sha: HEAD } } }));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await server[Symbol.asyncDispose]();
});

describe("an upload from CI", () => {
  const build = () => ({
    GITHUB_ACTIONS: "true",
    GITHUB_REPOSITORY: "acme/shop",
    GITHUB_RUN_ID: "100",
    GITHUB_RUN_ATTEMPT: "1",
    GITHUB_WORKFLOW: "CI",
    GITHUB_JOB: "unit",
    GITHUB_SHA: "2".repeat(40),
    GITHUB_HEAD_REF: "fix",
    GITHUB_BASE_REF: "main",
    GITHUB_EVENT_PATH: event,
  });

  it("goes to the build's run, jobs and re-runs as parts of it", async () => {
    const first = await upload(["report.xml"], build());
    expect(first.stderr).toBe("");
    expect(first.stdout).toBe(
      "run github-actions/acme/shop/100: 1 file, 1 test cases, 0 retries; " +
        "1 stored, 0 already known, 0 in conflict, 0 refused\n" +
        `job unit, branch fix, change 7, commit ${HEAD.slice(0, 12)}, ` +
        "https://github.com/acme/shop/actions/runs/100\n",
    );
    const again = await upload(["report.xml"], { ...build(), GITHUB_RUN_ATTEMPT: "2" });
    expect(again.stdout).toContain("1 stored, 0 already known");
    expect(again.stdout).toContain("job unit, attempt 2, branch");
    const leg = await upload(["report.xml"], {
      ...build(),
      TALLY_JOB: "linux",
      TALLY_SHARD: "1/2",
    });
    expect(leg.stdout).toContain("1 stored, 0 already known");

    const { run, parts } = await stored("github-actions/acme/shop/100");
    expect(run).toMatchObject({
      state: RunState.RUNNING,
      source: {
        repositoryUrl: "https://github.com/acme/shop",
        commitSha: HEAD,
        branch: "fix",
        baseBranch: "main",
        changeId: "7",
      },
      ci: { provider: "github-actions", pipeline: "CI", buildId: "100" },
      totals: { resultCount: 3n },
    });
    expect(parts.map(({ part }) => part)).toMatchObject([
      { job: "linux", attempt: 1, shardIndex: 1, shardTotal: 2, producer: "tally-cli" },
      { job: "unit", attempt: 1, shardTotal: 0 },
      { job: "unit", attempt: 2, shardTotal: 0 },
    ]);
  });

  it("is told otherwise by options, and says what it did as JSON", async () => {
    const options = [
      ...["--run-id", "own", "--job", "j", "--attempt", "3", "--shard", "2/2"],
      ...["--branch", "b", "--commit", "c"],
    ];
    const env = { ...build(), TALLY_RUN_ID: "no", TALLY_JOB: "no", TALLY_ATTEMPT: "9" };
    const { stdout } = await upload(["report.xml", "--json", ...options], env);
    expect(JSON.parse(stdout)).toMatchObject({
      runId: "own",
      part: { job: "j", attempt: 3, shardIndex: 2, shardTotal: 2 },
      source: { branch: "b", commitSha: "c", changeId: "7" },
      ci: { buildId: "100" },
    });
    expect((await stored("own")).run).toMatchObject({ source: { branch: "b", commitSha: "c" } });
  });

  it("warns of a shard that makes no sense, and sends all the same", async () => {
    const env = { TALLY_RUN_ID: "odd", TALLY_SHARD: "5/4" };
    const { code, stderr } = await upload(["report.xml"], env);
    expect(stderr).toBe("tally: TALLY_SHARD is no shard from 1/10000 on, like 1/4\n");
    expect(code).toBe(0);
    expect((await stored("odd")).run).toMatchObject({ state: RunState.FINISHED });
  });
});

describe("an upload from elsewhere", () => {
  it("says the commit of the checkout, and has a run of its own for other files", async () => {
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
        cwd: checkout,
        encoding: "utf8",
      }).trim();
    const checkout = join(folder, "checkout");
    execFileSync("git", ["init", "--quiet", "-b", "work", checkout]);
    git("commit", "--quiet", "--allow-empty", "-m", "one");
    git("remote", "add", "origin", "https://robot:secret@example.org/acme/shop.git");
    const first = await upload(["../report.xml", "--json"], {}, checkout);
    const { runId } = JSON.parse(first.stdout);
    expect(runId).toMatch(/^upload-/);
    expect(first.stdout + first.stderr).not.toContain("secret");
    expect((await stored(runId)).run).toMatchObject({
      source: {
        repositoryUrl: "https://example.org/acme/shop.git",
        commitSha: git("rev-parse", "HEAD"),
        treeSha: git("rev-parse", "HEAD^{tree}"),
        branch: "work",
      },
      ci: { provider: "" },
    });
  });

  it("says nothing of the code where there is no checkout", async () => {
    const { stdout } = await upload(["report.xml"], {});
    expect(stdout).toMatch(/^run upload-[^\n]*\n$/);
  });
});

function upload(args: readonly string[], env: Record<string, string>, cwd = folder) {
  const tally = { TALLY_URL: server.url, TALLY_TOKEN: server.ingestToken };
  return runCliProcess(["upload", ...args], { env: { ...tally, ...env }, cwd });
}

function stored(runId: string) {
  return server.client(server.readToken).stats.getRun({ runId });
}
