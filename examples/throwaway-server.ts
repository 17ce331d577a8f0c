/** A server with a database of its own in a temporary folder, as a child process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface RunningServer {
  readonly url: string;
  readonly adminToken: string;
  /** Of the server's process. */
  readonly pid: number;
  /** Stops the server and removes the folder. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the built server on a free port and waits, up to a minute, until it listens. */
export async function startThrowawayServer(
  env: Readonly<Record<string, string | undefined>>,
): Promise<RunningServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "tally-throwaway-"));
  const program = fileURLToPath(new URL("../src/main.js", import.meta.url));
  const child = spawn(process.execPath, [program, "serve"], {
    env: { ...env, TALLY_DATA_DIR: dataDir, TALLY_PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const dispose = async () => {
    child.kill("SIGTERM");
    const stopped = await Promise.race([exited, sleep(STOP_MS, undefined, { ref: false })]);
    if (stopped === undefined) {
      child.kill("SIGKILL");
      await exited;
    }
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const url = await Promise.race([
      listeningUrl(createInterface({ input: child.stdout })),
      exited.then(([code]) => Promise.reject(new Error(`the server ended with code ${code}`))),
      sleep(START_MS, undefined, { ref: false }).then(() =>
        Promise.reject(new Error("the server did not start within a minute")),
      ),
    ]);
    const adminToken =
      env["TALLY_ADMIN_TOKEN"] ?? (await readFile(join(dataDir, "admin-token"), "utf8")).trim();
    return { url, adminToken, pid: child.pid ?? 0, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Resolves with the address; goes on reading, so that the server never waits for its log to be read. */
function listeningUrl(lines: ReturnType<typeof createInterface>): Promise<string> {
  return new Promise((resolve) => {
    lines.on("line", (line) => {
      const url = /^Tally \S+ listens on (\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

const START_MS = 60_000;
const STOP_MS = 20_000;
