/**
 * The Postgres that comes along: made at the first start, started with the server, brought back when it dies,
 * stopped with the server. Real PostgreSQL, on the loopback interface, with a password of its own.
 */
import { once } from "node:events";
import { realpath } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { findBinaries } from "./binaries.js";
import { type Cluster, clusterPath, ensureCluster, ensureFolder, USER } from "./cluster.js";
import { findIdentity } from "./identity.js";
import { clearLeftovers } from "./leftovers.js";
import { lockFolder } from "./lock.js";
import { type Postmaster, StartFailure, startPostmaster } from "./postmaster.js";
import { sharedBuffers } from "./shared-buffers.js";
import { supervise } from "./supervise.js";

export interface EmbeddedOptions {
  /** Made if it does not exist; nobody else can read it. */
  readonly dataDir: string;
  /** Settings of Postgres, over the ones that are chosen here; its address and port are not among them. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A line of Postgres' log. */
  readonly onLog?: (line: string) => void;
  /** Gives up the start: what was started is stopped. Means nothing once it has started. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** Of the superuser, database `postgres`; the same as long as this lives. */
  readonly url: string;
  /** The postmaster's process id; another one after it was brought back. */
  readonly pid: number;
  /** Settles when it is stopped, and when it cannot be brought back: then with the reason. */
  readonly exited: Promise<Error | null>;
  /** Resolves when it has shut down and the folder is free. May be called again. */
  stop(): Promise<void>;
}

const SETTINGS = {
  unix_socket_directories: "",
  shared_buffers: sharedBuffers(),
  max_connections: "100",
  max_wal_size: "2GB",
  checkpoint_timeout: "15min",
  log_checkpoints: "off",
};
/** Tries of the first start, each with a port of its own, with doubling waits. */
const START_ATTEMPTS = 7;
const FIRST_WAIT_MS = 100;

/** Resolves when Postgres accepts connections. Throws when the folder is in use, or Postgres does not start. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const binaries = await findBinaries();
  await ensureFolder(options.dataDir);
  // Absolute and without links: it is how processes of this cluster are told from those of another.
  const dataDir = await realpath(options.dataDir);
  const unlock = await lockFolder(dataDir);
  try {
    const identity = await findIdentity(clusterPath(dataDir));
    const cluster = await ensureCluster(dataDir, binaries, identity, signal);
    const start = async (port: number, signal: AbortSignal) => {
      await clearLeftovers(cluster.path);
      return startPostmaster({
        binaries,
        identity,
        cluster: cluster.path,
        port,
        settings: { ...SETTINGS, ...options.settings },
        onLog: options.onLog ?? (() => {}),
        signal,
      });
    };
    const { postmaster, port } = await startOnFreePort(start, signal);
    const supervision = supervise(postmaster, (signal) => start(port, signal));
    const exited = supervision.exited.finally(unlock);
    const stop = async () => {
      await supervision.stop();
      await exited;
    };
    return {
      url: urlOf(cluster, port),
      get pid() {
        return supervision.pid;
      },
      exited,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startOnFreePort(
  start: (port: number, signal: AbortSignal) => Promise<Postmaster>,
  signal: AbortSignal,
): Promise<{ postmaster: Postmaster; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    try {
      return { postmaster: await start(port, signal), port };
    } catch (error) {
      const mayHelp = error instanceof StartFailure && error.mayPass;
      if (!mayHelp || attempt === START_ATTEMPTS) throw error;
      await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1), undefined, { signal });
    }
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function urlOf({ password }: Cluster, port: number): string {
  return `postgres://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
}
