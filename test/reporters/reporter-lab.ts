/** Runs small projects of test frameworks in processes of their own, and asks the server what came of it. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Run, RunState, type TestResult } from "../../gen/tally/v1/run_pb.js";
import { ResultView } from "../../gen/tally/v1/stats_service_pb.js";
import { type SpoolFileOutcome, sendSpool, type TallyClient } from "../../src/client/index.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

export interface ProjectRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface RunOptions {
  /** The folder of the project, in test/fixtures/projects. */
  readonly project: string;
  /** Arguments of Node: the program first, relative to the root of this repository, or an option. */
  readonly args: readonly string[];
  /** The run that is reported; absent, the reporter chooses. */
  readonly runId?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ReporterLab extends AsyncDisposable {
  readonly server: TestServer;
  /** Between the projects and the server. */
  readonly proxy: TcpProxy;
  /** Of the proxy. */
  readonly url: string;
  readonly client: TallyClient;
  readonly spoolDir: string;
  /** Runs a project to its end. CI variables of this process do not reach it. */
  run(options: RunOptions): Promise<ProjectRun>;
  /** The run once it has left the state RUNNING. */
  finishedRun(runId: string): Promise<Run>;
  /** All results of a run in full, by name, then attempt and repeat. */
  results(runId: string): Promise<TestResult[]>;
  /** Sends what was spooled. */
  sendSpool(): Promise<SpoolFileOutcome[]>;
}

/** Starts a server with a proxy in front. */
export async function startReporterLab(): Promise<ReporterLab> {
  const server = await startTestServer();
  const { hostname, port } = new URL(server.url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const folder = await mkdtemp(join(tmpdir(), "tally-reporter-"));
  const spoolDir = join(folder, "spool");
  const client = server.client(server.allToken);
  const url = proxy.through(server.url);
  return {
    server,
    proxy,
    url,
    client,
    spoolDir,
    run({ project, args: [program = "", ...args], runId, env = {} }) {
      const first = program.startsWith("-") ? program : join(ROOT, program);
      return runNode([first, ...args], join(PROJECTS, project), {
        PATH: process.env["PATH"] ?? "",
        HOME: folder,
        TALLY_URL: url,
        TALLY_TOKEN: server.ingestToken,
        TALLY_SPOOL_DIR: spoolDir,
        ...(runId === undefined ? {} : { TALLY_RUN_ID: runId }),
        ...env,
      });
    },
    async finishedRun(runId) {
      for (;;) {
        const { run } = await client.stats.getRun({ runId });
        if (run !== undefined && run.state !== RunState.RUNNING) return run;
      }
    },
    async results(runId) {
      const view = ResultView.FULL;
      const found: TestResult[] = [];
      let pageToken = "";
      do {
        const page = await client.stats.listResults({ runId, view, pageSize: 1000, pageToken });
        for (const { result } of page.results) if (result !== undefined) found.push(result);
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      return found.sort(compareResults);
    },
    sendSpool: () => sendSpool({ client, dir: spoolDir, which: "any" }),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function runNode(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<ProjectRun> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      texts[name] += chunk;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  return { ...texts, exitCode, seconds: (performance.now() - startedAt) / 1000 };
}

function compareResults(a: TestResult, b: TestResult): number {
  return (
    compareTexts(a.test?.name ?? "", b.test?.name ?? "") ||
    a.attempt - b.attempt ||
    a.repeatIndex - b.repeatIndex
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROJECTS = join(ROOT, "test/fixtures/projects");
