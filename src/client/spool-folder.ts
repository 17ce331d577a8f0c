/** The folder of spool files: which there are, and who may send them. */
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  HEARTBEAT_MS,
  isAbandoned,
  ownedName,
  parseSpoolName,
  waitingName,
} from "./spool-names.js";

/** A file waits to be sent, is being written or sent by a process, or was refused for good. */
export type SpoolState = "waiting" | "in use" | "failed";

export interface SpoolEntry {
  readonly id: string;
  readonly path: string;
  readonly state: SpoolState;
  readonly bytes: number;
}

/** A file that this process alone sends. */
export interface TakenFile extends Disposable {
  readonly path: string;
  /** Everything in it is delivered. */
  remove(): Promise<void>;
  /** It waits again, unless another process has taken it meanwhile. */
  release(): Promise<void>;
  /**
   * It will never be taken by the server; the note says why. Answers where it is now, or where it was if another process
   * has taken it meanwhile.
   */
  fail(note: string): Promise<string>;
}

/** The spool files of the folder and of its `failed`, oldest first; none if there is no folder. */
export async function listSpoolFiles(dir: string): Promise<SpoolEntry[]> {
  const failed = join(dir, FAILED);
  const entries = [...(await readFolder(dir)), ...(await readFolder(failed))];
  const found = await Promise.all(
    entries.map(({ folder, name }) => describe(folder, name, folder === failed)),
  );
  return found.filter((each) => each !== undefined).sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function describe(
  folder: string,
  name: string,
  isFailed: boolean,
): Promise<SpoolEntry | undefined> {
  const parsed = parseSpoolName(name);
  const path = join(folder, name);
  const found = parsed === undefined ? undefined : await stat(path).catch(() => undefined);
  if (parsed === undefined || found === undefined) return undefined;
  const { id, owner } = parsed;
  const isFree = owner === undefined || isAbandoned(owner, found.mtimeMs, Date.now());
  const state = isFailed ? "failed" : isFree ? "waiting" : "in use";
  return { id, path, state, bytes: found.size };
}

async function readFolder(folder: string): Promise<{ folder: string; name: string }[]> {
  try {
    return (await readdir(folder)).map((name) => ({ folder, name }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Takes a file that waits; undefined if another process was first. */
export async function takeSpoolFile(
  dir: string,
  { id, path }: SpoolEntry,
): Promise<TakenFile | undefined> {
  const owned = join(dir, ownedName(id));
  try {
    // First of all, so that it never looks abandoned under its new name.
    await touch(path);
    await rename(path, owned);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const heartbeat = setInterval(() => touch(owned).catch(() => {}), HEARTBEAT_MS).unref();
  return {
    path: owned,
    remove: () => rm(owned, { force: true }),
    async release() {
      await moveIfThere(owned, join(dir, waitingName(id)));
    },
    async fail(note) {
      const folder = join(dir, FAILED);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const failed = join(folder, waitingName(id));
      if (!(await moveIfThere(owned, failed))) return path;
      await writeFile(join(folder, `${id}.txt`), `${note}\n`, { mode: 0o600 });
      return failed;
    },
    [Symbol.dispose]: () => clearInterval(heartbeat),
  };
}

/** Whether it was there: another process takes what looks abandoned, as after a long sleep of this one. */
async function moveIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return false;
  }
}

function touch(path: string): Promise<void> {
  const now = new Date();
  return utimes(path, now, now);
}

const FAILED = "failed";
