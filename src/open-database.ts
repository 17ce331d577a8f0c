/** The database that a process works with: the operator's, or the embedded one, which is started for it. */
import { join } from "node:path";
import { type Cleanups, createCleanups } from "./cleanups.js";
import type { Config } from "./config.js";
import { Connection } from "./db/client.js";
import { migrate } from "./db/migrate.js";
import { ping } from "./db/ping.js";
import { startEmbeddedPostgres } from "./embedded/postgres.js";
import type { Logger } from "./log.js";
import { settings } from "./settings.js";

export interface Database {
  readonly url: string;
  /** Past a pooler. */
  readonly directUrl: string;
  /** Where the first admin token is kept; null with a database of the operator's own. */
  readonly adminTokenFile: string | null;
  /** Settles with DATABASE_GONE when the embedded database cannot be kept running. */
  readonly gone: Promise<string>;
}

/** Why a server stops whose embedded database is gone. */
export const DATABASE_GONE = "the embedded database is gone";

/**
 * The database, brought to this version. An embedded one stops with the cleanups. Throws with the name of the setting
 * whose database cannot be reached. The signal gives it up.
 */
export async function openDatabase(
  config: Config,
  log: Logger,
  cleanups: Cleanups,
  signal: AbortSignal,
): Promise<Database> {
  const database = await findDatabase(config, log, cleanups, signal);
  if (config.databaseUrl !== config.directDatabaseUrl) {
    await requireReach(settings.databaseUrl.name, database.url);
  }
  await migrateTo(database.directUrl, log, signal);
  return database;
}

/** Brings the database to this version; what was applied. */
export async function migrateDatabase(config: Config, log: Logger): Promise<readonly string[]> {
  const cleanups = createCleanups();
  const { signal } = new AbortController();
  try {
    const { directUrl } = await findDatabase(config, log, cleanups, signal);
    return await migrateTo(directUrl, log, signal);
  } finally {
    await cleanups.run();
  }
}

/** The operator's database past a pooler, which has answered; undefined where there is none. */
export async function reachDirectly(config: Config): Promise<string | undefined> {
  const { databaseUrl, directDatabaseUrl } = config;
  if (directDatabaseUrl === undefined) return undefined;
  const { name } =
    directDatabaseUrl === databaseUrl ? settings.databaseUrl : settings.directDatabaseUrl;
  await requireReach(name, directDatabaseUrl);
  return directDatabaseUrl;
}

async function requireReach(name: string, url: string): Promise<void> {
  await using connection = new Connection({ url, prepare: false });
  try {
    await ping(connection);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`no connection to the database of ${name}: ${reason}`, { cause });
  }
}

async function findDatabase(
  config: Config,
  log: Logger,
  cleanups: Cleanups,
  signal: AbortSignal,
): Promise<Database> {
  const directUrl = await reachDirectly(config);
  if (directUrl !== undefined) {
    return {
      url: config.databaseUrl ?? directUrl,
      directUrl,
      adminTokenFile: null,
      gone: new Promise(() => {}),
    };
  }
  const postgresLog = log.child({ event: "postgres" });
  const postgres = cleanups.use(
    await startEmbeddedPostgres({
      dataDir: config.dataDir,
      onLog: (line) => postgresLog.debug(line),
      signal,
    }),
  );
  const gone = postgres.exited.then((reason) => {
    if (reason === null) return new Promise<string>(() => {});
    log.fatal({ event: "database_gone", err: reason });
    return DATABASE_GONE;
  });
  return {
    url: postgres.url,
    directUrl: postgres.url,
    adminTokenFile: join(config.dataDir, "admin-token"),
    gone,
  };
}

async function migrateTo(
  url: string,
  log: Logger,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await using connection = new Connection({ url, prepare: false });
  // Its statements may wait for locks of others.
  const giveUp = () => void connection[Symbol.asyncDispose]();
  signal.addEventListener("abort", giveUp);
  try {
    const { applied } = await migrate({ connection, log });
    signal.throwIfAborted();
    return applied;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
