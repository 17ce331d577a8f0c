/** The built program `tallyd` in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface Tallyd {
  readonly child: ChildProcess;
  /** What it has written so far, to standard output and standard error. */
  readonly output: () => string;
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>;
  /** Resolves with the first match; throws with the output if the process ends without one. */
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray>;
}

/** Starts `tallyd COMMAND ARGS…`. Of the environment only the path and `env` are passed on. */
export function startTallyd(
  command: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Tallyd {
  const program = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
  const child = spawn(process.execPath, [program, command, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      text += chunk;
    });
  }
  let ended = false;
  const exited = once(child, "close").then(([code, signal]) => {
    ended = true;
    return [code, signal] as [number | null, NodeJS.Signals | null];
  });
  const says = async (pattern: RegExp) => {
    for (;;) {
      const isLast = ended;
      const match = pattern.exec(text);
      if (match !== null) return match;
      if (isLast) throw new Error(text);
      await sleep(20);
    }
  };
  return { child, output: () => text, exited, says };
}
