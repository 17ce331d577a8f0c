/** One run of the postmaster, from its start to its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Binaries } from "./binaries.js";
import type { Identity } from "./identity.js";

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
  readonly cluster: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly onLog: (line: string) => void;
}

/** It did not come up; `portTaken` if another port may help. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
  constructor(
    message: string,
    readonly portTaken: boolean,
  ) {
    super(message);
  }
}

const START_TIMEOUT_MS = 60_000;
/** A fast shutdown writes a checkpoint. */
const STOP_TIMEOUT_MS = 15_000;

/** Resolves when it accepts connections. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { identity, binaries, cluster, port, settings } = options;
  const all = { listen_addresses: "127.0.0.1", port: String(port), ...settings };
  const [command = "", ...args] = [
    ...identity.prefix,
    binaries.postgres,
    "-D",
    cluster,
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const child = spawn(command, args, {
    ...identity.user,
    // A process group of its own: Ctrl-C at the terminal is for the server, which drains first.
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  await waitUntilReady(child, ended, options.onLog);
  return { pid: child.pid ?? 0, ended, stop: () => stop(child, ended) };
}

async function waitUntilReady(
  child: ChildProcess,
  ended: Promise<void>,
  onLog: (line: string) => void,
): Promise<void> {
  const last: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), START_TIMEOUT_MS);
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on("line", (line) => {
      onLog(line);
      last.push(line);
      if (last.length > 20) last.shift();
      if (line.includes("database system is ready to accept connections")) resolve(true);
    });
    child.once("error", (error) => last.push(error.message));
  });
  const isReady = await Promise.race([ready, ended.then(() => false)]);
  clearTimeout(timer);
  if (isReady) return;
  await stop(child, ended);
  const output = last.join("\n");
  throw new StartFailure(
    `the embedded PostgreSQL does not start:\n${output}`,
    output.includes("Address already in use"),
  );
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    child.kill(signal);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), STOP_TIMEOUT_MS);
    });
    const isLate = await Promise.race([ended.then(() => false), late]);
    clearTimeout(timer);
    if (!isLate) break;
  }
  await ended;
}
