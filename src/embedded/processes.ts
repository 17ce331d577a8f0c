/** Which processes belong to a cluster. Process ids are used again, so a number alone tells nothing. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** True if the process is the postmaster of this cluster, an absolute path: it was started with `-D` and it. */
export function isPostmasterOf(pid: number, cluster: string): boolean {
  try {
    if (process.platform === "linux") {
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return args.some((arg, i) => arg === "-D" && args[i + 1] === cluster);
    }
    const command = execFileSync("ps", ["-ww", "-o", "args=", "-p", String(pid)], {
      encoding: "utf8",
    });
    return command.includes(`postgres -D ${cluster} -c `);
  } catch {
    // No such process.
    return false;
  }
}

/**
 * Processes of Postgres that work in this cluster, by their folder. Empty where the system does not tell: a
 * process that waits for its client notices a dead postmaster at once, one in the middle of a query does not.
 */
export function processesOf(cluster: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/comm`, "utf8") === "postgres\n" &&
          readlinkSync(`/proc/${pid}/cwd`) === cluster
        );
      } catch {
        // It has ended, or is another user's.
        return false;
      }
    })
    .map(Number);
}

/**
 * Processes that make a cluster in a folder whose path begins like this: initdb, or what starts it. Empty where the
 * system does not tell.
 */
export function makersOf(folder: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`\0--pgdata=${folder}`);
      } catch {
        // It has ended.
        return false;
      }
    })
    .map(Number);
}

/** False if it had ended before. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
