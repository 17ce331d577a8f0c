/**
 * Runs the tests of this project, which report to a server that is started for them, and compares what it has counted
 * with the report of Vitest itself: `node dist/examples/own-run.js REPORT.json [FILTER…]` writes that report to the file.
 * The exit code is that of the tests, or 1 if the counts differ.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { RunState } from "../gen/tally/v1/run_pb.js";
import { Scope } from "../gen/tally/v1/tenancy_pb.js";
import { createTallyClient, type TallyClient } from "../src/client/index.js";
import { type RunningServer, startThrowawayServer } from "./throwaway-server.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN = "own";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const [given, ...filters] = process.argv.slice(2);
if (given === undefined) throw new Error("name the file that Vitest writes its report to");
const report = resolve(given);
await using server = await startThrowawayServer(process.env);
const token = await createToken(server);
process.exitCode = await runTests(server.url, token);
const client = createTallyClient({ url: server.url, token });
const tally = await countStored(client);
client.close();
const own = await countReported(report);
const text = ({ passed, failed, skipped }: Counts) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;
if (text(tally) === text(own)) console.log(`own run: Tally and Vitest agree on ${text(own)}`);
else {
  console.error(`own run: Tally counts ${text(tally)}, and Vitest ${text(own)}`);
  process.exitCode ||= 1;
}

async function createToken({ url, adminToken }: RunningServer): Promise<string> {
  const { tenancy, close } = createTallyClient({ url, token: adminToken });
  const { organization } = await tenancy.createOrganization({ name: "Tally" });
  const { project } = await tenancy.createProject({
    organizationId: organization?.organizationId ?? "",
    name: "tally",
  });
  const { secret } = await tenancy.createToken({
    projectId: project?.projectId ?? "",
    name: "own run",
    scopes: [Scope.INGEST, Scope.READ],
  });
  close();
  return secret;
}

/** Answers the exit code. What the reporter needs goes through one variable that vitest.config.ts takes away. */
async function runTests(url: string, token: string): Promise<number> {
  const spoolDir = await mkdtemp(join(tmpdir(), "tally-own-run-"));
  const reporter = { url, token, runId: RUN, job: "tests", spoolDir };
  const child = spawn("npm", ["test", "--silent", "--", ...filters], {
    cwd: ROOT,
    env: { ...process.env, OWN_RUN: JSON.stringify({ report, reporter }) },
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  await rm(spoolDir, { recursive: true, force: true });
  return code ?? 1;
}

async function countStored({ stats }: TallyClient): Promise<Counts> {
  const { run } = await stats.getRun({ runId: RUN });
  const { totals } = run ?? {};
  if (totals === undefined || run?.state !== RunState.FINISHED) throw new Error("no finished run");
  return {
    passed: Number(totals.passedCount),
    failed: Number(totals.failedCount + totals.erroredCount),
    skipped: Number(totals.skippedCount + totals.precludedCount),
  };
}

/** What Vitest counts. A file that fails without a failed test, such as one that does not load, is one failure more. */
async function countReported(path: string): Promise<Counts> {
  const report = JSON.parse(await readFile(path, "utf8"));
  const broken = report.testResults.filter(
    ({ status, assertionResults }: ReportedFile) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

interface ReportedFile {
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string }[];
}
