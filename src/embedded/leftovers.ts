/** What a killed server may have left in the folder. Called by who holds the folder's lock. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isPostmasterOf, processesOf, sendSignal } from "./processes.js";

/** A fast shutdown writes a checkpoint: cut off, the next start takes longer. */
const SHUTDOWN_TIMEOUT_MS = 60_000;
/** How long killed processes may take to be gone. */
const KILL_TIMEOUT_MS = 5_000;
const POLL_MS = 20;

/**
 * No process runs on the cluster, and none is said to. A postmaster that still does has lost its server: it is
 * shut down. Processes whose postmaster is gone are killed: they would keep the next one from starting. A
 * `postmaster.pid` that names another process, or none, is removed.
 */
export async function clearLeftovers(cluster: string): Promise<void> {
  const file = join(cluster, "postmaster.pid");
  const pid = await readPid(file);
  if (pid !== null && isPostmasterOf(pid, cluster)) {
    sendSignal(pid, "SIGINT");
    const isGone = await becomesTrue(() => !isPostmasterOf(pid, cluster), SHUTDOWN_TIMEOUT_MS);
    if (!isGone) sendSignal(pid, "SIGKILL");
  }
  const isEmpty = () => {
    const left = processesOf(cluster);
    for (const orphan of left) sendSignal(orphan, "SIGKILL");
    return left.length === 0;
  };
  if (!(await becomesTrue(isEmpty, KILL_TIMEOUT_MS))) {
    throw new Error(`processes of an earlier server still run on ${cluster}`);
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

async function becomesTrue(test: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!test()) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
