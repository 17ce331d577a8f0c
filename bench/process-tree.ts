/** What a command and all processes that it starts use. Linux alone tells it this way. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

export interface Usage {
  /** User and system time of every process of the tree that was waited for, to 10 ms. */
  readonly cpuSeconds: number;
  /** The highest sum of the resident memory of all processes at one time, looked at every 50 ms. */
  readonly peakBytes: number;
}

/** Runs the command to its end, without its output. Throws if it fails. */
export async function usageOf(
  command: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Usage> {
  // The shell waits for the command, and the kernel adds up for it what those used that were waited for.
  const script = '"$@" >&2 || exit; cat "/proc/$$/stat"';
  const child = spawn("sh", ["-c", script, "sh", ...command], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stat = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stat += text;
  });
  let peakBytes = 0;
  const sampling = setInterval(() => {
    peakBytes = Math.max(peakBytes, treeBytes(child.pid ?? 0));
  }, SAMPLE_MS);
  const [code] = await once(child, "close");
  clearInterval(sampling);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}`);
  // Fields 16 and 17 of proc_pid_stat(5); the second is in brackets and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[13]) + Number(fields[14]);
  return { cpuSeconds: ticks / TICKS_PER_SECOND, peakBytes };
}

function treeBytes(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    const pids = children === "" ? [] : children.split(" ").map(Number);
    return pids.reduce((sum, each) => sum + treeBytes(each), pages * PAGE_BYTES);
  } catch {
    // It has ended.
    return 0;
  }
}

const SAMPLE_MS = 50;
const PAGE_BYTES = 4096;
/** What Linux shows to programs, on every machine. */
const TICKS_PER_SECOND = 100;
