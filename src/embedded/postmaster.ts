/** One run of the postmaster, from its start to its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Binaries } from "./binaries.js";
import { childEnvironment, type Identity } from "./identity.js";

export interface Postmaster {
  readonly pid: number;
  /** Settles when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Shuts it down: at once for clients, cleanly for the data; then ever harder. */
  stop(): Promise<void>;
}

export interface PostmasterOptions {
  readonly binaries: Binaries;
  readonly identity: Identity;
  /** An absolute path. */
  readonly cluster: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly onLog: (line: string) => void;
  /** Gives up the start. */
  readonly signal: AbortSignal;
  /** Longest time in which it does not say that it starts; default 60 s. */
  readonly silenceMs?: number;
}

/** It did not come up; `mayPass` if another port, or some time, may help. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
  constructor(
    message: string,
    readonly mayPass: boolean,
  ) {
    super(message);
  }
}

const SILENCE_MS = 60_000;
/** A fast shutdown writes a checkpoint: cut off, the next start takes longer. */
const STOP_TIMEOUT_MS = 60_000;
/** Lines that an ended postmaster wrote may still be under way. */
const LAST_LINES_TIMEOUT_MS = 500;
const POLL_MS = 20;
/** Another program took the port; processes of a dead postmaster hold its memory, and end soon. */
const PASSING = /Address already in use|pre-existing shared memory block/;

/** Resolves when it accepts connections. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { identity, binaries, cluster, port, settings } = options;
  options.signal.throwIfAborted();
  const all = { ...settings, listen_addresses: "127.0.0.1", port: String(port) };
  const [command = "", ...args] = [
    ...identity.prefix,
    binaries.postgres,
    "-D",
    cluster,
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const child = spawn(command, args, {
    ...identity.user,
    cwd: dirname(cluster),
    // A process group of its own: Ctrl-C at the terminal is for the server, which drains first.
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: childEnvironment(),
  });
  const lastLines = keepLastLines(child, options.onLog);
  // Not "close": processes that outlive a killed postmaster keep its standard error open.
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.on("error", () => resolve());
  });
  if (!(await becomesReady(child, ended, options))) {
    await stop(child, ended);
    options.signal.throwIfAborted();
    const output = await lastLines();
    throw new StartFailure(
      `the embedded PostgreSQL does not start:\n${output}`,
      PASSING.test(output),
    );
  }
  return { pid: child.pid ?? 0, ended, stop: () => stop(child, ended) };
}

/** Passes every line on; the answer waits for what is under way and gives the last ones. */
function keepLastLines(child: ChildProcess, onLog: (line: string) => void): () => Promise<string> {
  const last: string[] = [];
  child.on("error", (error) => last.push(error.message));
  const { stderr } = child;
  if (stderr === null) return async () => last.join("\n");
  const closed = new Promise<void>((resolve) => {
    createInterface({ input: stderr })
      .on("line", (line) => {
        onLog(line);
        last.push(line);
        if (last.length > 20) last.shift();
      })
      .once("close", resolve);
  });
  return async () => {
    await within(LAST_LINES_TIMEOUT_MS, closed);
    return last.join("\n");
  };
}

/**
 * False if it ended, said nothing, or was not wanted any more. After a crash it starts for as long as it takes to replay
 * what it had logged: given up, it would begin anew.
 */
async function becomesReady(
  child: ChildProcess,
  ended: Promise<void>,
  { cluster, signal, silenceMs = SILENCE_MS }: PostmasterOptions,
): Promise<boolean> {
  let isOver = false;
  ended.then(() => {
    isOver = true;
  });
  let deadline = performance.now() + silenceMs;
  while (!isOver && !signal.aborted) {
    const status = await statusOf(join(cluster, "postmaster.pid"), child.pid);
    if (status === "ready") return !signal.aborted;
    // Read while it is written, the file says nothing for a moment.
    if (status === "starting") deadline = performance.now() + silenceMs;
    else if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return false;
}

/** What its file says in the eighth line, whatever the settings of the log; '' while it is not its own. */
async function statusOf(file: string, pid: number | undefined): Promise<string> {
  try {
    const lines = (await readFile(file, "utf8")).split("\n");
    return lines[0] === String(pid) ? (lines[7]?.trim() ?? "") : "";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    child.kill(signal);
    if (await within(STOP_TIMEOUT_MS, ended)) break;
  }
  await ended;
}

/** True if it settled in time. */
async function within(timeoutMs: number, settled: Promise<void>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, false, { signal: timer.signal }).catch(() => false);
  const isInTime = await Promise.race([settled.then(() => true), late]);
  timer.abort();
  return isInTime;
}
