/**
 * Writes a spool file. All is synchronous: it goes to the page cache (1 to 2 ms for 2 MiB), holds the bound on
 * memory also while the host blocks the event loop, and works in the last moment of a process.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { drawSpoolId, HEARTBEAT_MS, ownedName, waitingName } from "./spool-names.js";

export interface SpoolWriterOptions {
  /** Made if it is not there, readable by its owner alone. */
  readonly dir: string;
  /** The first record of the file, asked when it is made. */
  readonly header: () => Buffer;
  /** Of all files in the folder. */
  readonly maxBytes: number;
}

/** Where a record lies. */
export interface SpoolPlace {
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
}

export interface SpoolWriter {
  /** Appends a record; undefined where there is no room for it. Throws what the disk says. */
  append(record: Buffer): SpoolPlace | undefined;
  /** The bytes of a record, from `start` on. */
  read(place: SpoolPlace, start: number): Buffer;
  /** Takes all records out: what they held is delivered. */
  clear(): void;
  /** Ends writing. Answers the path of the file that waits to be sent; with `keep` false removes it. */
  close(keep: boolean): string | undefined;
}

/** A writer that makes its file with the first record. */
export function createSpoolWriter(options: SpoolWriterOptions): SpoolWriter {
  const { dir, maxBytes } = options;
  let file: { readonly id: string; readonly path: string; readonly fd: number } | undefined;
  /** Files that are no longer in their place. */
  const lost: number[] = [];
  let headerBytes = 0;
  let size = 0;
  let room = 0;
  let heartbeat: NodeJS.Timeout | undefined;

  function open() {
    makeFolder(dir);
    ignoreInGit(dir);
    room = maxBytes - folderBytes(dir);
    const id = drawSpoolId(Date.now());
    const path = join(dir, ownedName(id));
    const fd = openSync(path, "wx+", 0o600);
    size = 0;
    try {
      write(fd, options.header());
    } catch (error) {
      // Without a header nothing could ever read what follows.
      closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
    headerBytes = size;
    heartbeat ??= setInterval(beat, HEARTBEAT_MS).unref();
    file = { id, path, fd };
    return file;
  }

  function write(fd: number, record: Buffer): number {
    const offset = size;
    try {
      for (let at = 0; at < record.length; ) {
        at += writeSync(fd, record, at, record.length - at, offset + at);
      }
    } catch (error) {
      ftruncateSync(fd, offset);
      throw error;
    }
    size += record.length;
    room -= record.length;
    return offset;
  }

  function beat() {
    const now = new Date();
    try {
      if (file !== undefined) futimesSync(file.fd, now, now);
    } catch {
      // A file that seems to be abandoned is sent by another process: then it is sent twice, which does no harm.
    }
  }

  /**
   * The file, if there is one. One that another process took, as it may do with those of the dead, is its to send. One
   * that was removed, with the whole folder perhaps, is written anew; if it was removed because it has been sent, it
   * is sent twice, which does no harm.
   */
  function current() {
    if (file === undefined || existsSync(file.path)) return file;
    const { fd } = file;
    const [start, end] = [headerBytes, size];
    lost.push(fd);
    file = undefined;
    if (fstatSync(fd).nlink === 0 && start < end) copy(fd, start, end, open().fd);
    return file;
  }

  function copy(from: number, start: number, end: number, to: number): void {
    try {
      for (let at = start; at < end; at += COPY_BYTES) {
        write(to, readFully(from, at, Math.min(COPY_BYTES, end - at)));
      }
    } catch (error) {
      // Part of a record would hide those that follow.
      clear();
      throw error;
    }
  }

  function clear() {
    if (file === undefined) return;
    try {
      ftruncateSync(file.fd, headerBytes);
      room += size - headerBytes;
      size = headerBytes;
    } catch {
      // What stays in it is delivered twice at worst, which does no harm.
    }
  }

  return {
    append(record) {
      const { fd } = current() ?? open();
      if (record.length > room) return undefined;
      return { fd, offset: write(fd, record), length: record.length };
    },
    read: ({ fd, offset, length }, start) => readFully(fd, offset + start, length - start),
    clear,
    close(keep) {
      clearInterval(heartbeat);
      try {
        const kept = keep ? current() : file;
        if (kept === undefined) return undefined;
        const { id, path, fd } = kept;
        file = undefined;
        closeSync(fd);
        if (!keep) {
          rmSync(path, { force: true });
          return undefined;
        }
        const waiting = join(dir, waitingName(id));
        renameSync(path, waiting);
        return waiting;
      } finally {
        for (const fd of lost.splice(0)) closeSync(fd);
      }
    },
  };
}

function readFully(fd: number, start: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const count = readSync(fd, bytes, at, length - at, start + at);
    if (count === 0) throw new Error("the spool file is shorter than what was written to it");
    at += count;
  }
  return bytes;
}

/** Node's own recursion never ends where a parent is there and takes no folder, as /proc. */
function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && statSync(dir).isDirectory()) return;
    if (code !== "ENOENT" || existsSync(dirname(dir))) throw error;
    makeFolder(dirname(dir));
    makeFolder(dir);
  }
}

/** Nobody means to commit it. */
function ignoreInGit(dir: string): void {
  try {
    writeFileSync(join(dir, ".gitignore"), "*\n", { flag: "wx" });
  } catch {
    // It is there already, or what follows says what is wrong with the folder.
  }
}

function folderBytes(dir: string): number {
  const sizes = readdirSync(dir, { recursive: true, encoding: "utf8" }).map(
    (name) => statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

const COPY_BYTES = 1024 * 1024;
