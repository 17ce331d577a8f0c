import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { migrate } from "../../src/db/migrate.js";
import { createEmptyDatabase } from "../support/database.js";

const ALL = ["0001_tenancy.sql", "0002_ingest.sql"];
/** How the checksums begin of files that servers may have applied: none of them may change. A new one comes last. */
const CHECKSUMS = [
  "28355a2cf1cee9ef",
  "3d7e8d6a0560d14e",
  "c3606553828bd1a0",
  "56e6374016165d4f",
  "68a2737a549ac5e0",
  "6dd8e81d7789167c",
  "69463c47b6c59118",
  "97d433e22a7ba379",
  "8f6c3a0de3e4f811",
  "898bd5beb58b6a1e",
  "cc00edf32896e6e7",
  "8c21c2bb09125ef5",
];

it("applies every file once, and makes the partitions of three months", async () => {
  await using database = await createEmptyDatabase();
  await using connection = new Connection({ url: database.url, prepare: true });
  const { applied } = await migrate({ connection });
  expect(applied.slice(0, 2)).toEqual(ALL);
  expect(await migrate({ connection })).toEqual({ applied: [] });
  const rows = await connection.query<{ name: string; applied: boolean }>(
    "SELECT name, applied_at <= now() AS applied FROM schema_migrations ORDER BY version",
  );
  expect(rows).toEqual(applied.map((name) => ({ name, applied: true })));
  const [partitions] = await connection.query<{ count: string }>(
    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'results'::regclass",
  );
  expect(partitions?.count).toBe("3");
});

it("applies the files that servers have applied before", async () => {
  await using database = await createEmptyDatabase();
  await using connection = new Connection({ url: database.url, prepare: true });
  await migrate({ connection });
  const rows = await connection.query<{ checksum: string }>(
    "SELECT left(checksum, 16) AS checksum FROM schema_migrations ORDER BY version",
  );
  expect(rows.map(({ checksum }) => checksum)).toEqual(CHECKSUMS);
});

it.each([
  [8, "b48e9ee77efe1ce7490fcbd1a6ba401c8e7f56d7eb3bf2eb1436ea8e29665497"],
  [9, "23c5c78af681821373508ca18c04b12bc27cf7fbabaa0001239159efdc3931a7"],
])("goes on from file %i as it was before it was changed", async (version, checksum) => {
  await using database = await createEmptyDatabase();
  await using connection = new Connection({ url: database.url, prepare: true });
  const { applied } = await migrate({ connection });
  // The schema is that of either: what came later made it so.
  await connection.query("DELETE FROM schema_migrations WHERE version > $1", [version]);
  await connection.query("UPDATE schema_migrations SET checksum = $2 WHERE version = $1", [
    version,
    checksum,
  ]);
  expect(await migrate({ connection })).toEqual({ applied: applied.slice(version) });
});

it("applies each file once when three servers start at once", async () => {
  await using database = await createEmptyDatabase();
  const connections = [0, 1, 2].map(() => new Connection({ url: database.url, prepare: true }));
  try {
    const all = await Promise.all(connections.map((connection) => migrate({ connection })));
    const applied = all.flatMap((each) => each.applied).sort();
    expect(applied).toEqual([...new Set(applied)]);
    expect(applied.slice(0, 2)).toEqual(ALL);
  } finally {
    for (const connection of connections) await connection[Symbol.asyncDispose]();
  }
});

it("waits for another server's migration and does not repeat it", async () => {
  await using database = await createEmptyDatabase();
  await using folder = await copyMigrations();
  // Slow enough that every server has seen it as pending before the first one commits.
  const next = await folder.add("slow", "SELECT pg_sleep(0.5);\nCREATE TABLE slow (a int);\n");
  const connections = [0, 1, 2].map(() => new Connection({ url: database.url, prepare: true }));
  try {
    const all = await Promise.all(
      connections.map((connection) => migrate({ connection, migrationsDir: folder.url })),
    );
    expect(all.flatMap((each) => each.applied).filter((name) => name === next)).toHaveLength(1);
  } finally {
    for (const connection of connections) await connection[Symbol.asyncDispose]();
  }
});

it("refuses to go on when another server came first with another file of that number", async () => {
  await using database = await createEmptyDatabase();
  await using one = await copyMigrations();
  await using two = await copyMigrations();
  await one.add("slow", "SELECT pg_sleep(0.5);\nCREATE TABLE slow (a int);\n");
  await two.add("slow", "SELECT pg_sleep(0.5);\nCREATE TABLE slow (b int);\n");
  await using first = new Connection({ url: database.url, prepare: true });
  await using second = new Connection({ url: database.url, prepare: true });
  await migrate({ connection: first });
  // Both see it as pending, because each takes its time.
  const [a, b] = await Promise.allSettled([
    migrate({ connection: first, migrationsDir: one.url }),
    migrate({ connection: second, migrationsDir: two.url }),
  ]);
  expect([a?.status, b?.status].sort()).toEqual(["fulfilled", "rejected"]);
  const failed = a?.status === "rejected" ? a : b;
  expect(failed).toMatchObject({
    reason: { message: expect.stringContaining("has changed since it was applied") },
  });
});

it("lets go of its locks soon after nobody waits for it any more", async () => {
  await using database = await createEmptyDatabase();
  await using holder = new Connection({ url: database.url, prepare: false });
  await holder.run("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('tally migrate', 0))");
  await using watcher = new Connection({ url: database.url, prepare: false });
  const waiting = async () =>
    watcher.query(`
      SELECT pid FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event = 'advisory'`);
  const connection = new Connection({ url: database.url, prepare: false });
  const given = migrate({ connection }).catch((error: unknown) => error);
  await expect.poll(waiting).toHaveLength(1);
  await connection[Symbol.asyncDispose]();
  expect(await given).toBeInstanceOf(Error);
  await expect.poll(waiting, { timeout: 10_000 }).toEqual([]);
});

it("refuses a database that is newer than the code, and changes nothing", async () => {
  await using database = await createEmptyDatabase();
  await using connection = new Connection({ url: database.url, prepare: true });
  await using folder = await copyMigrations();
  const newer = await folder.add("newer", "CREATE TABLE newer (a int);\n");
  await migrate({ connection, migrationsDir: folder.url });
  await expect(migrate({ connection })).rejects.toThrow(
    `the database is newer than this server: it has migration ${newer}`,
  );
});

it("refuses a file that has changed since it was applied", async () => {
  await using database = await createEmptyDatabase();
  await using connection = new Connection({ url: database.url, prepare: true });
  await using folder = await copyMigrations();
  const name = await folder.add("extra", "CREATE TABLE extra (a int);\n");
  await migrate({ connection, migrationsDir: folder.url });
  await writeFile(new URL(name, folder.url), "CREATE TABLE extra (b int);\n");
  await expect(migrate({ connection, migrationsDir: folder.url })).rejects.toThrow(
    `migration ${name} has changed since it was applied`,
  );
  // Line ends that a checkout changes are no change.
  await writeFile(new URL(name, folder.url), "CREATE TABLE extra (a int);\r\n");
  expect(await migrate({ connection, migrationsDir: folder.url })).toEqual({ applied: [] });
});

it("leaves nothing of a file that fails, and can go on when it is mended", async () => {
  await using database = await createEmptyDatabase();
  await using connection = new Connection({ url: database.url, prepare: true });
  await using folder = await copyMigrations();
  const name = await folder.add("broken", "CREATE TABLE half (a int);\nSELECT nonsense;\n");
  await expect(migrate({ connection, migrationsDir: folder.url })).rejects.toThrow(
    `migration ${name} failed: column "nonsense" does not exist`,
  );
  const [left] = await connection.query("SELECT to_regclass('half') AS half");
  expect(left).toEqual({ half: null });
  await writeFile(new URL(name, folder.url), "CREATE TABLE half (a int);\n");
  expect(await migrate({ connection, migrationsDir: folder.url })).toEqual({ applied: [name] });
});

it("refuses a gap in the numbers", async () => {
  await using database = await createEmptyDatabase();
  await using connection = new Connection({ url: database.url, prepare: true });
  await using folder = await copyMigrations();
  await writeFile(new URL("0099_far.sql", folder.url), "SELECT 1;\n");
  await expect(migrate({ connection, migrationsDir: folder.url })).rejects.toThrow(
    "migration 0099_far.sql is out of place",
  );
});

it("refuses a server older than PostgreSQL 15, and changes nothing", async () => {
  await using database = await createEmptyDatabase();
  await using admin = new Connection({ url: database.url, prepare: true });
  // The server says what it is through this function, and this one is found first.
  await admin.run(`
    CREATE SCHEMA old;
    CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS $$
      SELECT CASE name
        WHEN 'server_version' THEN '14.19'
        WHEN 'server_version_num' THEN '140019'
        ELSE pg_catalog.current_setting(name)
      END
    $$;`);
  const settings = { search_path: "old, pg_catalog, public" };
  await using connection = new Connection({ url: database.url, prepare: true, settings });
  await expect(migrate({ connection })).rejects.toThrow("PostgreSQL 14.19 is too old");
  const [row] = await admin.query("SELECT to_regclass('public.schema_migrations') AS found");
  expect(row).toEqual({ found: null });
});

it("warns when the database does not wait for the disk", async () => {
  await using database = await createEmptyDatabase();
  const warnings: object[] = [];
  const log = { info: () => {}, warn: (fields: object) => void warnings.push(fields) };
  await using safe = new Connection({ url: database.url, prepare: true });
  await migrate({ connection: safe, log });
  expect(warnings).toEqual([]);
  const settings = { synchronous_commit: "off" };
  await using unsafe = new Connection({ url: database.url, prepare: true, settings });
  await migrate({ connection: unsafe, log });
  expect(warnings).toEqual([{ event: "synchronous_commit_off" }]);
});

/** A folder with the migrations of this code, to which a test adds the next one. */
async function copyMigrations() {
  const path = await mkdtemp(join(tmpdir(), "tally-migrations-"));
  const own = fileURLToPath(new URL("../../src/db/migrations/", import.meta.url));
  await cp(own, path, { recursive: true });
  const url = pathToFileURL(`${path}/`);
  return {
    url,
    async add(name: string, sql: string): Promise<string> {
      const file = `${String((await readdir(path)).length + 1).padStart(4, "0")}_${name}.sql`;
      await writeFile(new URL(file, url), sql);
      return file;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
