import { randomBytes } from "node:crypto";
import { chown, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { Status, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import type { Connection } from "../../src/db/client.js";
import { DbError } from "../../src/db/errors.js";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/embedded/postgres.js";
import { failure } from "../support/failure.js";
import { startTestServer } from "../support/server.js";
import { outsider } from "./faults.js";
import { checkInvariants } from "./invariants.js";
import { createJournaledClient } from "./journaled-client.js";
import { sendPublished, sendResuming, sendUnary, sendUploaded } from "./senders.js";
import { canMount, mountSmallDisk } from "./small-disk.js";
import { countWaitingInserts } from "./waiting-inserts.js";

vi.setConfig({ testTimeout: 90_000 });
const PATIENCE = { timeout: 30_000 };
const SENDERS = [sendUnary, sendPublished, sendUploaded, sendResuming];
let folder: string;
let postgres: EmbeddedPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-postgres-"));
  postgres = await startEmbeddedPostgres({
    dataDir: join(folder, "data"),
    settings: { fsync: "off", max_connections: "30", superuser_reserved_connections: "0" },
  });
});
afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A server on a database of its own. */
async function startOnNewDatabase(tablespace = "pg_default") {
  const name = `tally_${randomBytes(4).toString("hex")}`;
  await using admin = outsider(postgres.url);
  await admin.run(`CREATE DATABASE ${name} TABLESPACE ${tablespace}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return await startTestServer({ databaseUrl: url.href });
}

/** UNAVAILABLE by the server's own word, with the time after which to try again. */
async function expectUnavailable(call: Promise<unknown>): Promise<void> {
  const error = await failure(call);
  expect(error.code).toBe(Code.Unavailable);
  expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
}

it("that is killed in mid-batch loses nothing that was acknowledged, and counts nothing twice", async () => {
  await using server = await startOnNewDatabase();
  const { url, databaseUrl, projectId, allToken } = server;
  using client = createJournaledClient(url, { projectId, token: allToken });
  for (const sender of SENDERS) await client.send(sender, 50);
  await using locker = outsider(databaseUrl);
  await locker.run("BEGIN; LOCK TABLE results IN SHARE MODE");
  const sending = Promise.all([...SENDERS, ...SENDERS].map((sender) => client.send(sender, 50)));
  await using watcher = outsider(databaseUrl);
  await expect.poll(() => countWaitingInserts(watcher), PATIENCE).toBe(2);
  process.kill(postgres.pid, "SIGKILL");
  await sending;
  await using db = outsider(databaseUrl);
  expect(await checkInvariants(db, client.journal)).toEqual([]);
  expect(client.journal.complaints).toEqual([]);
});

it("without a connection left is UNAVAILABLE with a hint, until there is one", async () => {
  await using server = await startOnNewDatabase();
  const { ingest } = server.client(server.allToken);
  const request = (name: string) => ({
    run: { runId: "run" },
    results: [{ test: { name }, status: Status.PASSED }],
  });
  await ingest.ingestRun(request("before"));
  const hogs: Connection[] = [];
  try {
    await takeAllConnections(server.databaseUrl, hogs);
    await expectUnavailable(ingest.ingestRun(request("meanwhile")));
    await expectUnavailable(server.client(server.allToken).stats.getRun({ runId: "run" }));
  } finally {
    await Promise.all(hogs.map((hog) => hog[Symbol.asyncDispose]()));
  }
  const stored = async () => (await ingest.ingestRun(request("meanwhile"))).acceptedCount;
  await expect.poll(() => stored().catch(() => null), PATIENCE).not.toBeNull();
  expect((await ingest.ingestRun(request("meanwhile"))).duplicateCount).toBe(1n);
  const { run } = await server.client(server.allToken).stats.getRun({ runId: "run" });
  expect(run?.totals?.resultCount).toBe(2n);
});

/** Until the server has none, and nobody gets another. */
async function takeAllConnections(url: string, hogs: Connection[]): Promise<void> {
  const first = outsider(url);
  hogs.push(first);
  for (;;) {
    const taken = await first.query(`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'tally'`);
    const isFull = await fill(url, hogs);
    if (isFull && taken.length === 0) return;
  }
}

async function fill(url: string, hogs: Connection[]): Promise<boolean> {
  for (;;) {
    const hog = outsider(url);
    hogs.push(hog);
    try {
      await hog.query("SELECT 1");
    } catch (error) {
      if (error instanceof DbError && error.sqlState === "53300") return true;
      throw error;
    }
  }
}

/** Code and reason, as the journal counts them. */
const DATABASE_UNAVAILABLE = `${Code.Unavailable} DATABASE_UNAVAILABLE`;

it.runIf(canMount())(
  "on a full disk is UNAVAILABLE with a hint, keeps what was acknowledged, and goes on when there is space",
  async () => {
    using disk = mountSmallDisk(join(folder, "disk"), 48);
    await using _tablespace = await createTablespace(disk.folder);
    await using server = await startOnNewDatabase("small");
    const { url, databaseUrl, projectId, allToken } = server;
    using client = createJournaledClient(url, { projectId, token: allToken });
    for (const sender of SENDERS) await client.send(sender, 50);

    await disk.fill();
    let isFull = true;
    const sending = Promise.all([
      ...SENDERS.map((sender) => client.send(sender, 50)),
      // What is free within the tables is used up first.
      (async () => {
        while (isFull) await client.sendResults(sendUnary, [large()]);
      })(),
    ]);
    const { failures } = client.journal;
    await expect.poll(() => failures.get(DATABASE_UNAVAILABLE), PATIENCE).toBeGreaterThan(2);
    const { ingest } = server.client(allToken);
    const results = Array.from({ length: 50 }, large);
    await expectUnavailable(ingest.ingestRun({ run: { runId: "another" }, results }));
    await using db = outsider(databaseUrl);
    const filling = db.run("CREATE TABLE more AS SELECT generate_series(1, 1e6)");
    expect(await filling.catch((error: DbError) => error.sqlState)).toBe("53100");

    await disk.free();
    isFull = false;
    await sending;
    for (const sender of SENDERS) await client.send(sender, 50);
    expect(await checkInvariants(db, client.journal)).toEqual([]);
    expect(client.journal.complaints).toEqual([]);
  },
);

/** The tablespace `small` in the folder; disposing drops it with its databases. */
async function createTablespace(disk: string): Promise<AsyncDisposable> {
  const space = join(disk, "space");
  await mkdir(space);
  // Of whom Postgres runs as.
  const { uid, gid } = await stat(join(folder, "data", "postgres"));
  await chown(space, uid, gid);
  const administer = async (statement: string) => {
    await using admin = outsider(postgres.url);
    return await admin.query<{ datname: string }>(statement);
  };
  await administer(`CREATE TABLESPACE small LOCATION '${space}'`);
  return {
    async [Symbol.asyncDispose]() {
      const databases = await administer(`
        SELECT datname FROM pg_database d
        JOIN pg_tablespace t ON t.oid = d.dattablespace
        WHERE spcname = 'small'`);
      for (const { datname } of databases)
        await administer(`DROP DATABASE ${datname} WITH (FORCE)`);
      await administer("DROP TABLESPACE small");
    },
  };
}

/** A result that does not compress. */
function large() {
  const name = randomBytes(8).toString("hex");
  const stdout = randomBytes(3000).toString("base64");
  return create(TestResultSchema, { test: { name }, status: Status.PASSED, stdout });
}
