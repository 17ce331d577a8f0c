/** Runs one of the programs beside this file, which print a growing number a line, until it is disposed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface Load extends AsyncDisposable {
  /** The last number. */
  count(): number;
  /** Stops the program where it stands. */
  pause(): void;
  resume(): void;
}

/** Resolves when the program has come to `from`; throws if it ends before. */
export async function startLoad(
  program: "feed" | "flood",
  options: Readonly<Record<string, string | number>>,
  from: number,
): Promise<Load> {
  const file = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let count = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    count = Number(line);
  });
  while (count < from) {
    if (child.exitCode !== null) throw new Error(`${program} ended with code ${child.exitCode}`);
    await sleep(20);
  }
  return {
    count: () => count,
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
