/**
 * One server a data folder. The lock is a listening socket: the kernel gives it to one process alone and
 * takes it back when that ends, however it ends, so there is nothing stale to judge.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";

/** How long the holder may take to say who it is. */
const ASK_TIMEOUT_MS = 1_000;

/** Holds the folder, an absolute path without links, until the answer is called. Throws who holds it. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = socketPath(folder);
  const server = createServer((socket) => {
    socket.on("error", () => {});
    // Whoever asks and never hangs up must not keep the lock from being given back.
    socket.end(String(process.pid), () => socket.destroy());
  });
  // It must not keep the process alive.
  server.unref();
  for (let attempt = 0; ; attempt++) {
    try {
      server.listen(path);
      await once(server, "listening");
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      const holder = await askHolder(path);
      if (holder !== null || attempt === 5) {
        throw new Error(
          `${folder} is in use by another server (process ${holder ?? "unknown"}): stop it, or set TALLY_DATA_DIR`,
        );
      }
      // A socket file outlives its process; an abstract name does not.
      if (!path.startsWith("\0")) await rm(path, { force: true });
    }
  }
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
}

/** Linux has names outside the file system; elsewhere it is a file in the folder. */
function socketPath(folder: string): string {
  if (process.platform !== "linux") return join(folder, "lock.sock");
  const digest = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  return `\0tally-data-${digest}`;
}

/** The process id of the holder; null if nobody answers. */
function askHolder(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = "";
    const timer = setTimeout(() => socket.destroy(), ASK_TIMEOUT_MS);
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text === "" ? null : text);
    });
  });
}
