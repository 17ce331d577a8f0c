/** Servers with an embedded Postgres, in this process and in others. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, vi } from "vitest";
import { Connection } from "../../src/db/client.js";
import {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../../src/embedded/postgres.js";

export const NOBODY = 65_534;
export const isRoot = process.getuid?.() === 0;
/** Longest wait for something that takes a second on an idle machine. */
const PATIENCE_MS = 20_000;

export interface Place {
  /** A temporary folder of the test. */
  readonly folder: string;
  /** A data folder in it, which does not exist yet. */
  readonly dataDir: string;
  /** Starts in this process, without waiting for the disk: what is shown here does not depend on it. */
  start(options?: Partial<EmbeddedOptions>): Promise<EmbeddedPostgres>;
  /** Starts in a process of its own. */
  startChild(options?: ChildOptions): Promise<Child>;
}

interface ChildOptions {
  readonly user?: number;
  readonly path?: string;
  readonly dataDir?: string;
}

export interface Child {
  readonly process: ChildProcess;
  readonly url: string;
  /** Of the postmaster. */
  readonly pid: number;
}

/** A place of its own for each test of the file; processes that it started are killed after the test. */
export function usePlace(): Place {
  // A test makes up to three clusters: a second each, or ten on a machine with much else to do.
  vi.setConfig({ testTimeout: 90_000 });
  let folder = "";
  const children: ChildProcess[] = [];
  const postmasters: number[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tally-embedded-"));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child);
    for (const pid of postmasters.splice(0)) await waitFor(() => !isRunning(pid));
    await rm(folder, { recursive: true, force: true });
  });
  const place: Place = {
    get folder() {
      return folder;
    },
    get dataDir() {
      return join(folder, "data");
    },
    start: ({ settings, ...options } = {}) =>
      startEmbeddedPostgres({
        dataDir: place.dataDir,
        settings: { fsync: "off", ...settings },
        ...options,
      }),
    startChild: async ({ dataDir = place.dataDir, ...options } = {}) => {
      const child = spawnServer(dataDir, options);
      children.push(child);
      const answer = await readAnswer(child);
      if (answer.error !== undefined) throw new Error(answer.error);
      postmasters.push(answer.pid);
      return { process: child, url: answer.url, pid: answer.pid };
    },
  };
  return place;
}

/** A process that starts Postgres in the folder and prints how that went. */
export function spawnServer(dataDir: string, { user, path }: ChildOptions = {}): ChildProcess {
  const module = new URL("../../dist/src/embedded/postgres.js", import.meta.url).href;
  const options = JSON.stringify({ dataDir, settings: { fsync: "off" } });
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    try {
      const { url, pid } = await startEmbeddedPostgres(${options});
      console.log(JSON.stringify({ url, pid }));
      setInterval(() => {}, 1000);
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
    ...(path === undefined ? {} : { env: { ...process.env, PATH: path } }),
  });
}

export type Answer = { url: string; pid: number; error?: undefined } | { error: string };

/** What the server's process printed. */
export async function readAnswer(child: ChildProcess): Promise<Answer> {
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    return JSON.parse(line) as Answer;
  }
  return { error: "the process ended without a word" };
}

/** Resolves when the process has ended by SIGKILL, if it had not ended before. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  await using connection = new Connection({ url, prepare: false });
  return await connection.query<Record<string, unknown>>(text);
}

/** Asks until Postgres answers. */
export async function queryWhenBack(url: string, text: string): Promise<unknown> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await query(url, text);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** Runs a backend that does not look up from its work for a minute; answers its process id. */
export async function occupyBackend(connection: Connection): Promise<number> {
  const [row] = await connection.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const work = `DO $$ DECLARE over timestamptz := clock_timestamp() + interval '1 minute';
    BEGIN WHILE clock_timestamp() < over LOOP END LOOP; END $$`;
  // The test takes the connection away from it.
  connection.run(work).catch(() => {});
  await sleep(200);
  return row?.pid ?? 0;
}

/** The clusters in the folder that are being made, or were when it was cut off. */
export function halfMade(dataDir: string): string[] {
  if (!existsSync(dataDir)) return [];
  return readdirSync(dataDir).filter((name) => name.startsWith("postgres-new-"));
}

/** Throws when it does not become true. */
export async function waitFor(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${isTrue}`);
    await sleep(20);
  }
}

/** Where the system has the program, if it does. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(existsSync);
}

/** False for a process that has ended and one that nobody waits for. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // No such process.
    return false;
  }
  return !existsSync("/proc") || existsSync(`/proc/${pid}/exe`);
}
