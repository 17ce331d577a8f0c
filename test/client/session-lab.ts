/** A server, a proxy in front of it, and sessions through it; what is stored is counted in the database. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Status } from "../../gen/tally/v1/run_pb.js";
import {
  createTallyClient,
  openRun,
  type RunSessionOptions,
  type SessionWarning,
  type TallyClient,
  type TallyClientOptions,
  type TestResultInit,
} from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

export interface SessionLab extends AsyncDisposable {
  readonly server: TestServer;
  readonly proxy: TcpProxy;
  /** Of the proxy. */
  readonly url: string;
  /** A folder for spool files, which is not there yet. */
  readonly spoolDir: string;
  readonly warnings: SessionWarning[];
  client(options?: Partial<TallyClientOptions>): TallyClient;
  /** A session of the run, through the proxy. */
  open(runId: string, options?: Partial<RunSessionOptions>): ReturnType<typeof openRun>;
  /** How many results of the run are stored, and how many different tests they are of. */
  stored(runId: string): Promise<{ results: number; tests: number }>;
  /** Names in the spool folder, but for what keeps them out of git. */
  spoolFiles(): Promise<string[]>;
}

/** Starts all of it; a folder, a database and a port of its own. */
export async function startSessionLab(): Promise<SessionLab> {
  const server = await startTestServer();
  const { hostname, port } = new URL(server.url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const folder = await mkdtemp(join(tmpdir(), "tally-session-"));
  const spoolDir = join(folder, "spool");
  const db = new Connection({ url: server.databaseUrl, prepare: false });
  const url = proxy.through(server.url);
  const warnings: SessionWarning[] = [];
  const clients: TallyClient[] = [];
  const client = (options: Partial<TallyClientOptions> = {}) => {
    const channelOptions = { "grpc.max_reconnect_backoff_ms": 300 };
    const made = createTallyClient({ url, token: server.allToken, channelOptions, ...options });
    clients.push(made);
    return made;
  };
  return {
    server,
    proxy,
    url,
    spoolDir,
    warnings,
    client,
    open: (runId, options = {}) =>
      openRun({
        client: options.client ?? client(),
        run: { runId },
        spoolDir,
        onWarning: (warning) => warnings.push(warning),
        ...options,
      }),
    async stored(runId) {
      const [row] = await db.query<{ results: string; tests: string }>(
        `SELECT count(*) AS results, count(DISTINCT test_key) AS tests
        FROM results JOIN runs USING (project_key, run_key) WHERE run_id = $1`,
        [runId],
      );
      return { results: Number(row?.results), tests: Number(row?.tests) };
    },
    async spoolFiles() {
      const names = await readdir(spoolDir).catch(() => []);
      return names.filter((name) => name !== ".gitignore").sort();
    },
    async [Symbol.asyncDispose]() {
      for (const each of clients) each.close();
      await db[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A result of a test of its own. */
export function numbered(i: number): TestResultInit {
  return {
    test: { suite: `suite ${i % 10}`, name: `test ${i}` },
    status: i % 50 === 7 ? Status.FAILED : Status.PASSED,
    duration: { nanos: 1_000_000 * (1 + (i % 900)) },
  };
}
