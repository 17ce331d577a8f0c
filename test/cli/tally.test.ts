import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readVersion } from "../../src/version.js";
import { startTestServer } from "../support/server.js";
import { runCli, runCliProcess } from "./run-cli.js";

let server: Awaited<ReturnType<typeof startTestServer>>;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), "tally-cli-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const envOf = (token: string) => ({ TALLY_URL: server.url, TALLY_TOKEN: token });

function tally(token: string, args: readonly string[], input?: string) {
  return runCli(args, { env: envOf(token), ...(input === undefined ? {} : { input }) });
}

/** The answer of a command that must succeed. */
async function answer(token: string, ...args: string[]) {
  const { code, stdout, stderr } = await tally(token, [...args, "--json"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** A project of its own, with a token for everything in it. */
async function newProject(name: string): Promise<{ projectId: string; token: string }> {
  const { organization } = await answer(server.adminToken, "org", "create", `Org of ${name}`);
  const created = await answer(
    server.adminToken,
    ...["project", "create", name, "--org", organization.organizationId],
  );
  const { projectId } = created.project;
  const { secret } = await answer(
    server.adminToken,
    ...["token", "create", "--project", projectId, "--name", "t", "--scope", "ingest,read,manage"],
  );
  return { projectId, token: secret };
}

const fixtures = "test/fixtures/reports";

describe("tenancy", () => {
  it("creates, lists and revokes a token", async () => {
    const { token } = await newProject("tokens");
    const { tokens } = await answer(token, "token", "list");
    expect(tokens).toMatchObject([
      { name: "t", scopes: ["SCOPE_INGEST", "SCOPE_READ", "SCOPE_MANAGE"] },
    ]);
    const made = await answer(token, "token", "create", "--name", "short", "--scope", "read");
    await answer(token, "token", "revoke", made.token.tokenId);
    const use = async () => (await tally(made.secret, ["runs", "list"])).code;
    await expect.poll(use).toBe(1);
  });

  it("lists organizations, and the projects of one", async () => {
    const { organization } = await answer(server.adminToken, "org", "create", "Listed org");
    const { organizationId } = organization;
    const projects = ["project", "list", "--org", organizationId];
    expect((await tally(server.adminToken, projects)).stdout).toBe("no project yet\n");
    const created = ["project", "create", "Listed \u001b[31m", "--org", organizationId];
    const { project } = await answer(server.adminToken, ...created);
    expect((await answer(server.adminToken, ...projects)).projects).toEqual([project]);
    const { stdout } = await tally(server.adminToken, projects);
    expect(stdout).toMatch(/^project_id +name +created\nprj_\w+ +Listed <001b>\[31m +20\S+Z\n$/);
    const { organizations } = await answer(server.adminToken, "org", "list");
    expect(organizations).toContainEqual(organization);
    const table = (await tally(server.adminToken, ["org", "list"])).stdout;
    expect(table.split("\n").find((line) => line.startsWith(organizationId))).toMatch(
      /^org_\w+ +Listed org +20\S+Z$/,
    );
  });

  it("names the organization that has the name already", async () => {
    const first = await answer(server.adminToken, "org", "create", "Twice");
    const { code, stderr } = await tally(server.adminToken, ["org", "create", "Twice"]);
    expect(code).toBe(1);
    expect(stderr).toContain("ALREADY_EXISTS");
    expect(first.organization.organizationId).not.toBe("");
  });

  it("exits 1 with a wrong token, as a process too", async () => {
    const env = envOf("tly_p_wrong_wrong_wrong");
    const { code, stderr } = await runCliProcess(["runs", "list"], { env });
    expect(code).toBe(1);
    expect(stderr).toContain("UNAUTHENTICATED");
  });

  it("says which version it is", async () => {
    expect(await tally("", ["--version"])).toMatchObject({ code: 0, stdout: `${readVersion()}\n` });
  });
});

describe("run record", () => {
  it("records a run once", async () => {
    const { token } = await newProject("records");
    const args = ["run", "record", "--run-id", "build-123", "--status", "passed"];
    const full = [...args, "--duration-ms", "5000", "--at", "2026-01-12T10:00:00Z"];
    expect((await tally(token, full)).stdout).toBe("recorded run build-123\n");
    expect((await tally(token, full)).stdout).toBe("run build-123 was recorded before\n");
    const { runs } = await answer(token, "runs", "list");
    expect(runs).toMatchObject([
      {
        runId: "build-123",
        state: "RUN_STATE_FINISHED",
        status: "STATUS_PASSED",
        startTime: "2026-01-12T09:59:55Z",
        finishTime: "2026-01-12T10:00:00Z",
      },
    ]);
  });
});

it("says that a list is empty", async () => {
  const { token } = await newProject("empty");
  const said = async (...args: string[]) => (await tally(token, args)).stdout;
  expect(await said("events", "list")).toBe("no such event is stored\n");
  expect(await said("events", "failed")).toBe("no such refusal is kept\n");
  expect(await said("rejections", "list")).toBe("no such refusal is kept\n");
});

describe("upload", () => {
  it("stores every case and retry once, and says so", async () => {
    const { token } = await newProject("uploads");
    const args = ["upload", `${fixtures}/junit/{surefire,pytest,nested,gtest}-*.xml`];
    const first = await tally(token, [...args, "--json"]);
    expect(first.code).toBe(0);
    const summary = JSON.parse(first.stdout);
    expect(summary).toMatchObject({ acceptedCount: 21, duplicateCount: 0, rejectedCount: 0 });
    const counts = summary.files.map((f: Record<string, unknown>) => [
      f["caseCount"],
      f["retryCount"],
    ]);
    expect(counts).toEqual([
      [5, 0],
      [5, 0],
      [4, 0],
      [3, 4],
    ]);
    const again = JSON.parse((await tally(token, [...args, "--json"])).stdout);
    expect(again).toMatchObject({ runId: summary.runId, acceptedCount: 0, duplicateCount: 21 });
    const { run, parts } = await answer(token, "runs", "show", summary.runId);
    expect(run).toMatchObject({ state: "RUN_STATE_FINISHED", totals: { resultCount: "21" } });
    expect(parts).toMatchObject([{ part: { producer: "tally-cli" }, storedCount: "21" }]);
  });

  it("lets a failure stand beside a pass of the same name from another suite", async () => {
    const { token } = await newProject("suites");
    const suite = (host: string, inside: string) =>
      `<testsuite name="a.spec.ts" hostname="${host}">
        <testcase name="pays" classname="a.spec.ts">${inside}</testcase>
      </testsuite>`;
    const report = `<testsuites>${suite("chromium", "<failure/>")}${suite("firefox", "")}</testsuites>`;
    const upload = ["upload", "-", "--run-id", "r", "--json"];
    const first = JSON.parse((await tally(token, upload, report)).stdout);
    expect(first).toMatchObject({ acceptedCount: 2, duplicateCount: 0 });
    const again = JSON.parse((await tally(token, upload, report)).stdout);
    expect(again).toMatchObject({ acceptedCount: 0, duplicateCount: 2, conflictCount: 0 });
    const { run } = await answer(token, "runs", "show", "r");
    expect(run).toMatchObject({ status: "STATUS_FAILED", totals: { resultCount: "2" } });
  });

  it("names a run after what comes through a pipe", async () => {
    const { token } = await newProject("pipes");
    const runIds = new Set<string>();
    for (const name of ["a", "b", "a"]) {
      const pipe = join(folder, `${runIds.size}-${name}`);
      execFileSync("mkfifo", [pipe]);
      const [{ code, stdout }] = await Promise.all([
        tally(token, ["upload", pipe, "--json"]),
        writeFile(pipe, `<testsuite><testcase name="${name}" classname="C"/></testsuite>`),
      ]);
      expect(code).toBe(0);
      runIds.add(JSON.parse(stdout).runId);
    }
    expect(runIds.size).toBe(2);
    expect((await answer(token, "runs", "list")).runs).toHaveLength(2);
  });

  it("stores a file once, however many links lead to it", async () => {
    const { token } = await newProject("links");
    const packages = join(folder, "packages");
    await mkdir(join(packages, "shop/node_modules"), { recursive: true });
    await mkdir(join(packages, "cart"));
    await writeFile(
      join(packages, "cart/report.xml"),
      '<testsuite><testcase name="a" classname="C"/></testsuite>',
    );
    await symlink("../../cart", join(packages, "shop/node_modules/cart"));
    await symlink("report.xml", join(packages, "cart/latest.xml"));
    const { stdout } = await tally(token, ["upload", packages]);
    expect(stdout).toContain("1 file, 1 test cases, 0 retries; 1 stored");
  });

  it("stores no run of a folder without reports, and says so", async () => {
    const { token } = await newProject("no reports");
    const none = await tally(token, ["upload", "test/cli"]);
    expect(none).toMatchObject({ code: 1, stdout: "nothing to upload\n" });
    expect(none.stderr).toContain("tally: test/cli/**/*.xml: no file matches\n");
    expect(await answer(token, "runs", "list")).toEqual({});
  });

  it("keeps what comes before the damage, and names file, line and reason", async () => {
    const { token } = await newProject("damage");
    const args = ["upload", `${fixtures}/junit/cut-off.xml`, `${fixtures}/ctrf/cut-off.json`];
    const first = await tally(token, args);
    expect(first.code).toBe(1);
    expect(first.stderr).toContain("junit/cut-off.xml:7: the file ends inside <system-out>");
    expect(first.stderr).toContain("ctrf/cut-off.json:4: the file is cut off");
    expect(first.stdout).toContain("2 files, 3 test cases, 0 retries; 3 stored");
    const again = await tally(token, args);
    expect(again.code).toBe(1);
    expect(again.stdout).toContain("0 stored, 3 already known");
    expect((await tally(token, [...args, "--soft"])).code).toBe(0);
  });

  it("exits 1 for what the server refuses, which is listed, replayed and dismissed", async () => {
    const { token } = await newProject("refusals");
    const nameless = '<testsuite><testcase name="ok" classname="C"/><testcase/></testsuite>';
    const { code, stderr, stdout } = await tally(token, ["upload", "-"], nameless);
    expect(stderr).toContain("standard input: refused (invalid) test.name is required");
    expect(stdout).toContain("1 stored, 0 already known, 0 in conflict, 1 refused");
    expect(code).toBe(1);
    const { rejections } = await answer(token, "rejections", "list");
    expect(rejections).toMatchObject([{ reason: "REJECTION_REASON_INVALID" }]);
    const [{ rejectionId }] = rejections;
    const replayed = await tally(token, ["rejections", "replay", rejectionId]);
    expect(replayed.code).toBe(1);
    expect(replayed.stdout).toContain("REJECTED");
    const dismissed = await tally(token, ["rejections", "dismiss", rejectionId, "--note", "known"]);
    expect(dismissed.stdout).toBe("dismissed 1, skipped 0\n");
    expect(await answer(token, "rejections", "list")).toEqual({});
  });

  it("sends the facts that the options give", async () => {
    const { token } = await newProject("facts");
    const options = [
      ...["--run-id", "r1", "--job", "linux", "--attempt", "2", "--shard", "1/2"],
      ...["--branch", "main", "--commit", "abc", "--framework", "pytest"],
      ...["--label", "team=shop", "--variant", "os=linux"],
    ];
    const { code } = await tally(token, ["upload", `${fixtures}/ctrf/retries.json`, ...options]);
    expect(code).toBe(0);
    const { run, parts } = await answer(token, "runs", "show", "r1");
    expect(run).toMatchObject({
      state: "RUN_STATE_RUNNING",
      source: { branch: "main", commitSha: "abc" },
      framework: "pytest",
      labels: { team: "shop" },
      totals: { resultCount: "5" },
    });
    expect(parts).toMatchObject([
      { part: { job: "linux", attempt: 2, shardIndex: 1, shardTotal: 2, producer: "tally-cli" } },
    ]);
  });
});
