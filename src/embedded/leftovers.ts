/** What a killed server may have left in the folder. Called by who holds the folder's lock. */
import { execFileSync } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A fast shutdown writes a checkpoint. */
const SHUTDOWN_TIMEOUT_MS = 20_000;

/**
 * No postmaster runs on the cluster, and none is said to. One that still does has lost its server: it is
 * shut down. A file that names another process, or none, is removed.
 */
export async function clearLeftovers(cluster: string): Promise<void> {
  const file = join(cluster, "postmaster.pid");
  const deadline = Date.now() + SHUTDOWN_TIMEOUT_MS;
  for (let signalled = false; ; ) {
    const pid = await readPid(file);
    if (pid === null || !isPostmasterOf(pid, cluster)) break;
    if (Date.now() > deadline) {
      process.kill(pid, "SIGKILL");
      break;
    }
    if (!signalled) process.kill(pid, "SIGINT");
    signalled = true;
    await sleep(50);
  }
  await rm(file, { force: true });
}

/** The process id in the file's first line; null for no file, an empty one, or garbage. */
async function readPid(file: string): Promise<number | null> {
  try {
    const [line = ""] = (await readFile(file, "utf8")).split("\n");
    const pid = Number(line);
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Process ids are used again: only the command line tells whose it is. */
function isPostmasterOf(pid: number, cluster: string): boolean {
  try {
    const command = execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
    return command.includes("postgres") && command.includes(cluster);
  } catch {
    // No such process.
    return false;
  }
}
