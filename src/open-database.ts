/** The database that a process works with: the operator's, or the embedded one, which is started for it. */
import { join } from "node:path";
import { type Cleanups, createCleanups } from "./cleanups.js";
import type { Config } from "./config.js";
import { Connection } from "./db/client.js";
import { migrate } from "./db/migrate.js";
import { startEmbeddedPostgres } from "./embedded/postgres.js";
import type { Logger } from "./log.js";

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

/** The database, brought to this version. An embedded one stops with the cleanups. */
export async function openDatabase(
  config: Config,
  log: Logger,
  cleanups: Cleanups,
): Promise<Database> {
  const database = await findDatabase(config, log, cleanups);
  await migrateTo(database.directUrl, log);
  return database;
}

/** Brings the database to this version; what was applied. */
export async function migrateDatabase(config: Config, log: Logger): Promise<readonly string[]> {
  const cleanups = createCleanups();
  try {
    const { directUrl } = await findDatabase(config, log, cleanups);
    return await migrateTo(directUrl, log);
  } finally {
    await cleanups.run();
  }
}

async function findDatabase(config: Config, log: Logger, cleanups: Cleanups): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    return {
      url: config.databaseUrl,
      directUrl: config.directDatabaseUrl ?? config.databaseUrl,
      adminTokenFile: null,
      gone: new Promise(() => {}),
    };
  }
  const postgresLog = log.child({ event: "postgres" });
  const postgres = cleanups.use(
    await startEmbeddedPostgres({
      dataDir: config.dataDir,
      onLog: (line) => postgresLog.debug(line),
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

async function migrateTo(url: string, log: Logger): Promise<readonly string[]> {
  await using connection = new Connection({ url, prepare: false });
  const { applied } = await migrate({ connection, log });
  return applied;
}
