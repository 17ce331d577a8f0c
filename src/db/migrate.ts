/**
 * Brings a database to the schema of this code: numbered SQL files, forward only, each in a transaction of
 * its own together with the row that records it.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { type Connection, SERVER_HANGUP_CHECK_MS } from "./client.js";
import { DbError } from "./errors.js";
import { ensureResultsPartitions } from "./results-partitions.js";

/** Which database, and which files. */
export interface MigrateOptions {
  /** Direct, not through a pooler in transaction mode; nobody else uses it meanwhile. */
  readonly connection: Connection;
  /** Where the files are; the ones of this code by default. */
  readonly migrationsDir?: URL;
  readonly log?: MigrationLog;
}

/** What is told on the way. A pino logger is one. */
export interface MigrationLog {
  info(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
}

interface Migration {
  readonly version: number;
  /** The file's. */
  readonly name: string;
  readonly checksum: string;
  readonly sql: string;
}

interface AppliedRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * Checksums of files as servers have applied them, before they were changed by mistake: databases are the same by either, or
 * are made so by a later file.
 */
const FORMER: ReadonlySet<string> = new Set([
  // 0008_kept_answers.sql, with the column of 0009.
  "b48e9ee77efe1ce7490fcbd1a6ba401c8e7f56d7eb3bf2eb1436ea8e29665497",
  // 0009_kept_counts.sql, where 0008 could not have it.
  "23c5c78af681821373508ca18c04b12bc27cf7fbabaa0001239159efdc3931a7",
]);

/** Older servers lack what the schema uses. */
const MIN_SERVER_VERSION = 150_000;

/**
 * The schema is that of this code, and the partitions of this month and the next two exist; answers the names
 * of the files that this call applied. Any number of servers may call it at once: each file runs once. Throws
 * if the server is older than PostgreSQL 15, if the database is newer than the code, or if a file that was
 * applied has changed since; nothing is applied then.
 */
export async function migrate({
  connection,
  migrationsDir = new URL("./migrations/", import.meta.url),
  log,
}: MigrateOptions): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(migrationsDir);
  const { day } = await checkServer(connection, log);
  const applied: string[] = [];
  for (const migration of await listPending(connection, migrations)) {
    if (!(await apply(connection, migration))) continue;
    applied.push(migration.name);
    log?.info({ event: "migration_applied", migration: migration.name });
  }
  // Again, because another server of other code may have come first.
  await listPending(connection, migrations);
  await ensureResultsPartitions(connection, day);
  return { applied };
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const migrations: Migration[] = [];
  for (const [i, name] of names.entries()) {
    const version = Number(/^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1]);
    if (version !== i + 1) {
      throw new Error(`migration ${name} is out of place: number ${i + 1} was expected`);
    }
    // A checkout may have changed the line ends; that changes nothing in the database.
    const sql = (await readFile(new URL(name, folder), "utf8")).replaceAll("\r\n", "\n");
    migrations.push({
      version,
      name,
      sql,
      checksum: createHash("sha256").update(sql).digest("hex"),
    });
  }
  if (migrations.length === 0) throw new Error(`no migrations in ${folder.pathname}`);
  return migrations;
}

async function checkServer(
  connection: Connection,
  log: MigrationLog | undefined,
): Promise<{ day: string }> {
  const [row] = await connection.query<ServerRow>(SERVER);
  if (row === undefined) throw new Error("the database answered no version");
  if (row.version_num < MIN_SERVER_VERSION) {
    throw new Error(`PostgreSQL ${row.version} is too old: Tally needs 15 or later`);
  }
  if (row.synchronous_commit === "off") {
    log?.warn(
      { event: "synchronous_commit_off" },
      "synchronous_commit is off: what was acknowledged can be lost when the database crashes",
    );
  }
  return row;
}

interface ServerRow {
  readonly version: string;
  readonly version_num: number;
  readonly synchronous_commit: string;
  readonly day: string;
}

/** What has not been applied yet, in order. Throws if the database and the files contradict each other. */
async function listPending(
  connection: Connection,
  migrations: readonly Migration[],
): Promise<Migration[]> {
  const [found] = await connection.query<{ exists: boolean }>(HAS_TABLE);
  if (found?.exists !== true) return [...migrations];
  const rows = await connection.query<AppliedRow>(APPLIED);
  const newest = rows.at(-1);
  const last = migrations.at(-1);
  if (newest !== undefined && last !== undefined && newest.version > last.version) {
    throw new Error(
      `the database is newer than this server: it has migration ${newest.name}, the newest known here is ${last.name}`,
    );
  }
  const byVersion = new Map(rows.map((row) => [row.version, row]));
  for (const { version, name, checksum } of migrations) {
    const row = byVersion.get(version);
    if (row === undefined || row.checksum === checksum || FORMER.has(row.checksum)) continue;
    const renamed = row.name === name ? "" : ` (${row.name} then)`;
    throw new Error(
      `migration ${name}${renamed} has changed since it was applied: restore the file, and put the change into a new migration`,
    );
  }
  return migrations.filter(({ version }) => !byVersion.has(version));
}

/**
 * False if another server was first. Postgres runs a text of several statements as one transaction, so a lost
 * connection leaves either all of it or nothing; no session lock is held that a pooler could mislay. A file
 * has the time of one statement, 30 s: longer work belongs into a job.
 */
async function apply(connection: Connection, migration: Migration): Promise<boolean> {
  const { version, name, checksum, sql } = migration;
  // The name matched a strict pattern and the checksum is hex: neither needs quoting.
  const record = `INSERT INTO schema_migrations (version, name, checksum)
VALUES (${version}, '${name}', '${checksum}');`;
  try {
    await connection.run(`${HEED_HANGUP}\n${LOCK}\n${CREATE_TABLE}\n${record}\n${sql}`);
    return true;
  } catch (error) {
    if (error instanceof DbError && error.constraint === "schema_migrations_pkey") return false;
    throw error instanceof DbError
      ? new Error(`migration ${name} failed: ${error.message}`, { cause: error })
      : error;
  }
}

// The server fixes the day of a run, in UTC: so the partitions follow its clock.
const SERVER = `
SELECT
  current_setting('server_version') AS version,
  current_setting('server_version_num')::int AS version_num,
  current_setting('synchronous_commit') AS synchronous_commit,
  (now() AT TIME ZONE 'UTC')::date::text AS day`;

const HAS_TABLE = "SELECT to_regclass('schema_migrations') IS NOT NULL AS exists";

const APPLIED = "SELECT version, name, checksum FROM schema_migrations ORDER BY version";

// As every connection of ours asks for at its start, which a pooler would refuse: a process that is killed lets go of its
// locks, and waits for none.
const HEED_HANGUP = `SET LOCAL client_connection_check_interval = ${SERVER_HANGUP_CHECK_MS};`;

// Held to the end of the transaction. Who comes second waits here, and then stumbles over the version.
const LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('tally migrate', 0));";

const CREATE_TABLE = `
CREATE TABLE IF NOT EXISTS schema_migrations (
  version integer PRIMARY KEY CHECK (version >= 1),
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);`;
