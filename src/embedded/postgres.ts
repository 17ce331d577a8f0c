/**
 * The Postgres that comes along: made at the first start, started with the server, brought back when it dies,
 * stopped with the server. Real PostgreSQL, on the loopback interface, with a password of its own.
 */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { findBinaries } from "./binaries.js";
import { type Cluster, ensureCluster, ensureFolder, USER } from "./cluster.js";
import { findIdentity } from "./identity.js";
import { clearLeftovers } from "./leftovers.js";
import { lockFolder } from "./lock.js";
import { type Postmaster, StartFailure, startPostmaster } from "./postmaster.js";

export interface EmbeddedOptions {
  /** Made if it does not exist; nobody else can read it. */
  readonly dataDir: string;
  /** Settings of Postgres, over the ones that are chosen here. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A line of Postgres' log. */
  readonly onLog?: (line: string) => void;
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** Of the superuser, database `postgres`; the same as long as this lives. */
  readonly url: string;
  /** The postmaster's process id; another one after it was brought back. */
  readonly pid: number;
  /** Settles when it is stopped, and when it cannot be brought back: then with the reason. */
  readonly exited: Promise<Error | null>;
  stop(): Promise<void>;
}

const SETTINGS = {
  unix_socket_directories: "",
  shared_buffers: "256MB",
  max_connections: "100",
  max_wal_size: "2GB",
  checkpoint_timeout: "15min",
  log_checkpoints: "off",
};
const PORT_ATTEMPTS = 5;
/** Tries to bring a dead postmaster back, with doubling waits from 100 ms. */
const REVIVALS = 8;
/** A postmaster that ran for so long starts with all its tries again. */
const HEALTHY_AFTER_MS = 60_000;

/** Resolves when Postgres accepts connections. Throws when the folder is in use, or Postgres does not start. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir } = options;
  const binaries = await findBinaries();
  await ensureFolder(dataDir);
  const unlock = await lockFolder(dataDir);
  try {
    const identity = findIdentity();
    const cluster = await ensureCluster(dataDir, binaries, identity);
    const start = async (port: number) => {
      await clearLeftovers(cluster.path);
      return startPostmaster({
        binaries,
        identity,
        cluster: cluster.path,
        port,
        settings: { ...SETTINGS, ...options.settings },
        onLog: options.onLog ?? (() => {}),
      });
    };
    const { postmaster, port } = await startOnFreePort(start);
    return supervise(postmaster, () => start(port), urlOf(cluster, port), unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startOnFreePort(
  start: (port: number) => Promise<Postmaster>,
): Promise<{ postmaster: Postmaster; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    try {
      return { postmaster: await start(port), port };
    } catch (error) {
      // Between the look and the start another program may take it.
      const mayHelp = error instanceof StartFailure && error.portTaken;
      if (!mayHelp || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Brings the postmaster back whenever it ends by itself: clients connect again to the same url. */
function supervise(
  first: Postmaster,
  start: () => Promise<Postmaster>,
  url: string,
  unlock: () => Promise<void>,
): EmbeddedPostgres {
  let current = first;
  const stopping = new AbortController();
  const watch = async (): Promise<Error | null> => {
    let failures = 0;
    for (;;) {
      const startedAt = performance.now();
      await current.ended;
      if (stopping.signal.aborted) return null;
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) failures = 0;
      for (let isBack = false; !isBack; ) {
        if (++failures > REVIVALS) return new Error("the embedded PostgreSQL keeps ending");
        await sleep(100 * 2 ** (failures - 1));
        if (stopping.signal.aborted) return null;
        try {
          current = await start();
          isBack = true;
        } catch (error) {
          // Processes of the dead one may still hold its memory: they end soon.
          if (failures === REVIVALS)
            return error instanceof Error ? error : new Error(String(error));
        }
      }
      if (stopping.signal.aborted) await current.stop();
    }
  };
  const exited = watch().finally(unlock);
  const stop = async () => {
    stopping.abort();
    await current.stop();
    await exited;
  };
  return {
    url,
    get pid() {
      return current.pid;
    },
    exited,
    stop,
    [Symbol.asyncDispose]: stop,
  };
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
