/**
 * One server a data folder. The lock is a listening socket: the kernel gives it to one process alone, and connects nobody
 * to it when that has ended, however it ended.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";

/** How long the holder may take to say who it is. */
const ASK_TIMEOUT_MS = 1_000;

/** Holds the folder, an absolute path without links, until the answer is called. Throws who holds it. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const held: Server[] = [];
  const unlock = async () => {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  try {
    if (process.platform === "linux") held.push(await hold(abstractName(folder), folder));
    const inFolder = await holdInFolder(folder);
    if (inFolder !== null) held.push(inFolder);
    return unlock;
  } catch (error) {
    await unlock();
    throw error;
  }
}

/**
 * Linux has names outside the file system, which nothing can leave behind, for a network namespace: of two containers each
 * has its own.
 */
function abstractName(folder: string): string {
  const digest = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  return `\0tally-data-${digest}`;
}

/** The socket that other containers see too; null on Linux where the file system has none, or the path is too long. */
async function holdInFolder(folder: string): Promise<Server | null> {
  try {
    return await hold(join(folder, "lock.sock"), folder);
  } catch (error) {
    if (error instanceof FolderInUse || process.platform !== "linux") throw error;
    return null;
  }
}

class FolderInUse extends Error {}

async function hold(path: string, folder: string): Promise<Server> {
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
      return server;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      const holder = await askHolder(path);
      if (holder !== null || attempt === 5) {
        throw new FolderInUse(
          `${folder} is in use by another server (process ${holder ?? "unknown"}): stop it, or set TALLY_DATA_DIR`,
        );
      }
      // A socket file outlives its process; an abstract name does not.
      if (!path.startsWith("\0")) await rm(path, { force: true });
    }
  }
}

/**
 * The process id of the holder, "unknown" where it is too busy to say; null if nobody listens any more. Who hangs up
 * without a word was a child that its killed server had just begun, and lets go of the socket when its program starts.
 */
function askHolder(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = "";
    let isBusy = false;
    const timer = setTimeout(() => {
      // The kernel connects, however busy the holder is.
      isBusy = !socket.connecting;
      socket.destroy();
    }, ASK_TIMEOUT_MS);
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text || (isBusy ? "unknown" : null));
    });
  });
}
