/** Runs the program `tally`: in this process, which takes a tenth of the time, or as a shell would. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../src/cli/program.js";

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Record<string, string>;
  readonly input?: string | Uint8Array;
}

export interface ProcessOptions extends Pick<CliOptions, "env"> {
  readonly cwd?: string;
}

/** The outcome of one command, run in this process and its folder. Of the environment only `env` is passed on. */
export async function runCli(
  args: readonly string[],
  { env = {}, input }: CliOptions = {},
): Promise<CliRun> {
  const stdout = new Collector();
  const stderr = new Collector();
  const code = await runProgram(args, {
    env,
    stdin: Readable.from(input === undefined ? [] : [Buffer.from(input)]),
    stdout,
    stderr,
    onInterrupt: () => () => {},
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** The outcome of one command of the built program. */
export async function runCliProcess(
  args: readonly string[],
  options: CliOptions & ProcessOptions = {},
): Promise<CliRun> {
  const child = startCliProcess(args, options);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

/** The built program with one command. Of the environment only the path and `env` are passed on. */
export function startCliProcess(args: readonly string[], { env, cwd }: ProcessOptions = {}) {
  const program = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));
  return spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Keeps what is written. */
class Collector extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}
