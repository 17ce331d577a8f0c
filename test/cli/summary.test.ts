import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { runCli } from "./run-cli.js";

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), "tally-summary-"));
  await report("main-1", "main", [
    { name: "adds", status: Status.PASSED },
    { name: "breaks", status: Status.FAILED },
    { name: EVIL, status: Status.PASSED },
  ]);
  await report("change-1", "fix/\u202e`x`", [
    { name: "adds", status: Status.FAILED, attempt: 1, failure: { message: "slow today" } },
    { name: "adds", status: Status.PASSED, attempt: 2 },
    { name: "breaks", status: Status.FAILED },
    { name: EVIL, status: Status.FAILED, failure: { message: "a\n```\n# b" } },
    { name: "new", status: Status.ERRORED },
    { name: "new and well", status: Status.PASSED },
    { name: "not yet", status: Status.SKIPPED },
  ]);
  // Finished later: it is no base of what was before.
  await report("main-2", "main", [{ name: "adds", status: Status.PASSED }]);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** All that Markdown, a terminal or GitHub would act on. */
const EVIL = "[x](http://evil.example) <img src=x> @all #1 ```` | \u001b[31m **b** \n```\n## head";

let startTime = 1_770_000_000n;

async function report(runId: string, branch: string, results: readonly Given[]): Promise<void> {
  startTime += 60n;
  const { ingest } = server.client(server.ingestToken);
  await ingest.ingestRun({
    run: {
      runId,
      startTime: { seconds: startTime },
      source: {
        branch,
        commitSha: `${runId}-0123456789`,
        baseBranch: branch === "main" ? "" : "main",
      },
      status: Status.FAILED,
    },
    part: { job: "unit" },
    results: results.map(({ name, ...rest }) => ({ test: { suite: "cart", name }, ...rest })),
  });
}

interface Given {
  readonly name: string;
  readonly status: Status;
  readonly attempt?: number;
  readonly failure?: { readonly message: string };
}

const tally = (args: readonly string[], token = server.readToken, env = {}) =>
  runCli(["summary", ...args], { env: { TALLY_URL: server.url, TALLY_TOKEN: token, ...env } });

it("tells what failed newly, what failed before and what is flaky", async () => {
  const { code, stdout, stderr } = await tally(["change-1"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toBe(`Tests: failed

7 results: 2 passed, 3 failed, 1 errored, 1 skipped
  run change-1, branch fix/<202e>\`x\`, commit change-1-012
  base main-1, branch main, commit main-1-01234

2 tests failed newly
  cart > ${SHOWN}
      a
  cart > new

1 test failed before too
  cart > breaks

1 test failed and passed on the same code
  cart > adds
      slow today
`);
});

const SHOWN = EVIL.replaceAll("\n", "<000a>").replace("\u001b", "<001b>");

it("writes Markdown in which names and messages mean nothing", async () => {
  const { stdout } = await tally(["change-1", "--format", "markdown", "--limit", "1"]);
  const lines = stdout.split("\n");
  const outside: string[] = [];
  let fence = "";
  for (const line of lines) {
    const [, marks = ""] = /^(`{3,})/.exec(line) ?? [];
    if (fence !== "") {
      if (line === fence) fence = "";
      continue;
    }
    if (marks !== "") fence = marks;
    else if (line !== "") outside.push(line);
  }
  expect(fence).toBe("");
  expect(outside).toEqual([
    "### Tests: failed",
    "**7 results: 2 passed, 3 failed, 1 errored, 1 skipped**",
    "**2 tests failed newly**",
    "**1 test failed before too**",
    "**1 test failed and passed on the same code**",
  ]);
  expect(lines).toContain(`cart > ${SHOWN}`);
  expect(lines).toContain("and 1 more");
});

it("tells of a run without a base that it cannot know what is new", async () => {
  const { stdout } = await tally(["change-1", "--base", "no-such-branch"]);
  expect(stdout).toContain("3 tests failed, and no run before to compare with\n  cart > ");
  expect(stdout).not.toContain("newly");
});

it("prints the same as JSON", async () => {
  const { stdout } = await tally(["change-1", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    run: { runId: "change-1" },
    base: { runId: "main-1" },
    newFailureCount: 2,
    otherFailureCount: 1,
    flakyCount: 1,
    flaky: [{ test: { name: "adds" }, message: "slow today" }],
  });
});

it("tells of failures that were refused, each refused result once", async () => {
  await report("refused", "main", [
    { name: "adds", status: Status.PASSED },
    { name: "adds", status: Status.FAILED },
    { name: "", status: Status.PASSED },
  ]);
  const { stdout } = await tally(["refused"]);
  expect(stdout).toContain("\n1 result: 1 passed, 2 refused\n");
  expect(stdout).toContain("\n\n1 failure was refused\n  listed by: tally rejections list\n");
});

it("tells what the upload knows where the token cannot read", async () => {
  const upload = join(folder, "upload.json");
  const counts = { acceptedCount: 4, duplicateCount: 1, conflictCount: 1, rejectedCount: 1 };
  await writeFile(upload, JSON.stringify({ runId: "change-1", ...counts }));
  const args = ["--upload", upload, "--format", "markdown"];
  const { code, stdout } = await tally(args, server.ingestToken);
  expect(code).toBe(0);
  expect(stdout).toContain(
    "**4 stored, 1 already known, 2 refused**\n\n```text\nrun change-1\n```",
  );
  expect((await tally(args)).stdout).toContain("2 tests failed newly");
  expect((await tally(["change-1"], server.ingestToken)).stderr).toContain("PERMISSION_DENIED");
});

it("tells why the upload failed, and asks nobody", async () => {
  const upload = join(folder, "failed.json");
  await writeFile(upload, JSON.stringify({ error: { message: "nobody `there`" } }));
  const { code, stdout } = await tally(["--upload", upload], "t", {
    TALLY_URL: "http://127.0.0.1:9",
  });
  expect(code).toBe(0);
  expect(stdout).toBe("Tests: not uploaded\n\nnobody `there`\n");
});

it("takes the run of the build", async () => {
  const { stdout } = await tally([], server.readToken, { TALLY_RUN_ID: "main-1" });
  expect(stdout).toContain("run main-1");
  const { code, stderr } = await tally([], server.readToken, { TALLY_RUN_ID: "none" });
  expect([code, stderr]).toEqual([1, expect.stringContaining("NOT_FOUND")]);
  expect((await tally(["none", "--soft"])).code).toBe(0);
  expect((await tally(["--upload", join(folder, "absent")])).code).toBe(2);
});
