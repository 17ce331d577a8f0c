/** A server in a process of its own, on a port that stays, started again whenever it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface ServerProcessOptions {
  readonly databaseUrl: string;
  /** Default: the one that is built. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ServerProcess extends AsyncDisposable {
  /** The same as long as this lives. */
  readonly url: string;
  readonly adminToken: string;
  /** What must not happen: an exit that nobody asked for, an error that nobody caught. */
  readonly complaints: readonly string[];
  /** Resolves when a server listens. */
  ready(): Promise<void>;
  /** Resolves when the server that listened has ended; the next one starts by itself. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
const ADMIN_TOKEN = "an-admin-token-for-tests-only";
const RESTART_AFTER_MS = 100;
const READY_WITHIN_MS = 60_000;

/** Resolves when it listens. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), "tally-process-"));
  const port = await findFreePort();
  const complaints: string[] = [];
  let child: ChildProcess | undefined;
  let listens = false;
  let asked = false;
  let stopped = false;
  let lastLines: string[] = [];

  const start = async () => {
    listens = false;
    asked = false;
    lastLines = [];
    const started = spawn(process.execPath, [options.program ?? PROGRAM, "serve"], {
      env: {
        PATH: process.env["PATH"] ?? "",
        TALLY_PORT: String(port),
        TALLY_DATA_DIR: dataDir,
        DATABASE_URL: options.databaseUrl,
        TALLY_ADMIN_TOKEN: ADMIN_TOKEN,
        TALLY_BCRYPT_COST: "4",
        ...options.env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    for (const input of [started.stdout, started.stderr]) {
      createInterface({ input }).on("line", (line) => {
        lastLines = [...lastLines.slice(-9), line];
        if (line.startsWith("Tally ")) listens = true;
        else if (isAlarming(line)) complaints.push(line);
      });
    }
    const [code, signal] = await once(started, "exit");
    // While its database is away it cannot start, and says so.
    const isGivenUp = !listens && code === 1;
    const isAsked = asked && (signal === "SIGKILL" || code === 0);
    if (!stopped && !isGivenUp && !isAsked) {
      complaints.push(`ended with ${signal ?? code}: ${lastLines.join("\n")}`);
    }
    listens = false;
  };
  const supervise = async () => {
    while (!stopped) {
      await start();
      if (!stopped) await sleep(RESTART_AFTER_MS);
    }
  };
  const ended = supervise();

  const server: ServerProcess = {
    url: `http://127.0.0.1:${port}`,
    adminToken: ADMIN_TOKEN,
    complaints,
    async ready() {
      const deadline = performance.now() + READY_WITHIN_MS;
      while (!listens) {
        if (performance.now() > deadline) throw new Error(`no start:\n${lastLines.join("\n")}`);
        await sleep(20);
      }
    },
    async end(signal) {
      const ending = child;
      if (ending === undefined || !listens || asked) return;
      asked = true;
      const exited = once(ending, "exit");
      ending.kill(signal);
      await exited;
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      child?.kill("SIGKILL");
      await ended;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  try {
    await server.ready();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

/** Lines of the log that speak of a bug, and lines that are none of the log. */
function isAlarming(line: string): boolean {
  if (line.startsWith("tallyd: ")) return false;
  if (!line.startsWith("{")) return true;
  const { level } = JSON.parse(line) as { level?: unknown };
  return level === "error" || level === "fatal";
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
