import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, openRun } from "../../src/client/index.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { readAction, runAction } from "./action.js";

// Each run of the action is several processes.
vi.setConfig({ testTimeout: 120_000 });
let server: TestServer;
let project: string;
let files: string;

beforeAll(async () => {
  server = await startTestServer();
  project = await mkdtemp(join(tmpdir(), "tally-action-"));
  files = "reports/*.xml\n\n  \nctrf.json\n";
  await mkdir(join(project, "reports"));
  await writeFile(join(project, "reports/a.xml"), junit("adds", ""));
  await writeFile(join(project, "reports/b b.xml"), junit("pays", "<failure/>"));
  await writeFile(join(project, "ctrf.json"), CTRF);
  await mkdir(join(project, "node_modules/.bin"), { recursive: true });
  const program = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
  const launcher = `#!/usr/bin/env bash\nexec "${process.execPath}" "${program}" "$@"\n`;
  await writeFile(join(project, "node_modules/.bin/tally"), launcher, { mode: 0o755 });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(project, { recursive: true, force: true });
});

const junit = (name: string, content: string) =>
  `<testsuite name="cart"><testcase classname="cart" name="${name}">${content}</testcase></testsuite>`;
const CTRF = JSON.stringify({
  results: {
    tool: { name: "x" },
    summary: {},
    tests: [{ name: "ships", status: "passed", duration: 1 }],
  },
});

const inputs = (token: string, more: Record<string, string> = {}) => ({
  url: server.url,
  token,
  files,
  ...more,
});
const build = (id: string) => ({ GITHUB_RUN_ID: id, GITHUB_RUN_ATTEMPT: "1" });
const runIdOf = (id: string) => `github-actions/acme/shop/${id}`;

async function partsOf(runId: string) {
  const { run, parts } = await server.client(server.readToken).stats.getRun({ runId });
  return {
    results: run?.totals?.resultCount,
    jobs: parts.map(({ part, storedCount }) => [part?.job, part?.attempt, storedCount]),
  };
}

it("is a composite action that says what each input is", async () => {
  const { inputs: known, runs } = await readAction();
  expect(runs.using).toBe("composite");
  for (const [name, { description = "" }] of Object.entries(known)) {
    expect(description, name).toMatch(/\.$/);
  }
  const documented = await readFile(new URL("../../docs/ci.md", import.meta.url), "utf8");
  for (const name of Object.keys(known)) expect(documented, name).toContain(`\`${name}\``);
});

it("uses every input, and puts none into the text of a script", async () => {
  const { inputs: known, runs } = await readAction();
  const texts = JSON.stringify(runs);
  for (const name of Object.keys(known)) expect(texts).toContain(`inputs.${name}`);
  for (const { run, shell, uses } of runs.steps) {
    expect(run === undefined ? uses : shell).toMatch(/^(?:bash|actions\/setup-node@v\d+)$/);
    expect(run ?? "").not.toContain("${{");
  }
});

it("uploads the files to the run of the build, and writes a summary", async () => {
  const { code, log, summary } = await runAction(project, {
    inputs: inputs(server.allToken),
    env: build("1"),
  });
  expect(log).toContain('"acceptedCount":3');
  expect(code).toBe(0);
  expect(await partsOf(runIdOf("1"))).toEqual({ results: 3n, jobs: [["unit", 1, 3n]] });
  expect(summary).toContain("### Tests: failed");
  expect(summary).toContain("cart > pays");
  expect(log).toMatch(/^::stop-commands::(tally-[\d-]+)$[\s\S]*^::\1::$/m);
});

it("tells the legs of a matrix apart, and what failed newly from what failed before", async () => {
  await writeFile(join(project, "new.xml"), junit("returns", "<failure message='no'/>"));
  const given = {
    inputs: inputs(server.allToken, { files: `${files}new.xml` }),
    env: build("2"),
  };
  const leg = (index: string) =>
    runAction(project, { ...given, strategy: { "job-index": index, "job-total": "2" } });
  const [, second] = [await leg("0"), await leg("1")];
  expect((await partsOf(runIdOf("2"))).jobs).toEqual([
    ["unit-0", 1, 4n],
    ["unit-1", 1, 4n],
  ]);
  expect(second.summary).toMatch(/\*\*1 test failed newly\*\*\n\n```text\ncart > returns\n {4}no/);
  expect(second.summary).toContain("**1 test failed before too**");
});

it("takes job and run from inputs or variables, and sends the spool", async () => {
  const spoolDir = join(project, ".tally/spool");
  await spool("spooled", spoolDir);
  const env = { ...build("3"), TALLY_JOB: "of the workflow", TALLY_URL: server.url };
  const { code, log } = await runAction(project, {
    inputs: { token: server.ingestToken, "run-id": "mine", files: "reports/a.xml" },
    env,
  });
  expect(code, log).toBe(0);
  expect((await partsOf("mine")).jobs).toEqual([["of the workflow", 1, 1n]]);
  expect((await partsOf("spooled")).results).toBe(1n);
});

/** Leaves a file for the server. */
async function spool(runId: string, spoolDir: string): Promise<void> {
  const client = createTallyClient({ url: "http://127.0.0.1:9", token: server.ingestToken });
  const session = openRun({ client: { ...client, origin: server.url }, run: { runId }, spoolDir });
  session.add({ test: { name: "kept" }, status: Status.PASSED });
  await session.close({ deadlineMs: 0 });
  client.close();
}

it("tells what the upload knows where the token cannot read", async () => {
  const { code, summary } = await runAction(project, {
    inputs: inputs(server.ingestToken),
    env: build("4"),
  });
  expect(code).toBe(0);
  expect(summary).toContain("### Tests: uploaded\n\n**3 stored, 0 already known, 0 refused**");
});

it.each([
  ["there is no token", { token: "" }, "There is no token"],
  ["the token is wrong", { token: "tly_no" }, "Not everything was stored"],
  ["no server answers", { url: "http://127.0.0.1:9" }, "Not everything was stored"],
  ["an input makes no sense", { protocol: "smtp" }, "Not everything was stored"],
  ["the package is not there", { package: "./none.tgz" }, "could not be installed"],
])("warns where %s, and does not fail", async (_, wrong, said) => {
  const given = inputs(server.ingestToken, { files: "reports/a.xml", ...wrong });
  const { log, code } = await runAction(project, { inputs: given, env: build("5") });
  expect(log).toMatch(new RegExp(`^::warning title=Tally::.*${said}`, "m"));
  expect(code).toBe(0);
});

it.each([
  ["a file is missing", { files: "reports/a.xml\nnone.xml" }, "Not everything was stored", 1],
  ["there is no token", { token: "" }, "There is no token", 2],
])("fails where %s, if it is asked to", async (_, wrong, said, exitCode) => {
  const given = inputs(server.ingestToken, { soft: "false", summary: "false", ...wrong });
  const { log, code } = await runAction(project, { inputs: given, env: build("5") });
  expect(log).toMatch(new RegExp(`^::error title=Tally::.*${said}`, "m"));
  expect(code).toBe(exitCode);
});

it("says that the package is missing", async () => {
  const bare = await mkdtemp(join(tmpdir(), "tally-bare-"));
  await writeFile(join(bare, "a.xml"), junit("adds", ""));
  const given = { ...inputs(server.ingestToken), files: "a.xml" };
  const { log, code } = await runAction(bare, { inputs: given, env: build("6") });
  expect([code, log]).toEqual([0, expect.stringContaining("give the input package")]);
  await rm(bare, { recursive: true, force: true });
});
