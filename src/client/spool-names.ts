/**
 * Names of spool files, which say who may touch them: `ID.spool` waits to be sent; `ID.HOST-PID.live` belongs to the
 * process that writes or sends it. Who takes a file renames it, which succeeds for one process alone.
 */
import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** How often an owner shows that it lives, by the file's time of change; in milliseconds. */
export const HEARTBEAT_MS = 30_000;

/** A new id; ids are in the order of their times. */
export function drawSpoolId(nowMs: number): string {
  return `${nowMs.toString(36).padStart(9, "0")}-${randomBytes(4).toString("hex")}`;
}

/** The name of a file that waits. */
export function waitingName(id: string): string {
  return `${id}.spool`;
}

/** The name of a file that this process owns. */
export function ownedName(id: string): string {
  return `${id}.${hostKey()}-${process.pid}.live`;
}

/** The id of a spool file, and its owner if it has one; undefined for other files. */
export function parseSpoolName(
  name: string,
): { id: string; owner: string | undefined } | undefined {
  const match = /^([0-9a-z]{9,}-[0-9a-f]{8})\.(?:spool|([0-9a-f]{8}-\d+)\.live)$/.exec(name);
  const [, id, owner] = match ?? [];
  return id === undefined ? undefined : { id, owner };
}

/**
 * Whether the owner is gone: its process has ended, or, where that cannot be seen (another machine or container on
 * the same folder, a process that got the number), it has been silent for four heartbeats.
 */
export function isAbandoned(owner: string, changedAtMs: number, nowMs: number): boolean {
  const [host, pid] = owner.split("-");
  if (host === hostKey() && !isAlive(Number(pid))) return true;
  return nowMs - changedAtMs > 4 * HEARTBEAT_MS;
}

function hostKey(): string {
  return createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
