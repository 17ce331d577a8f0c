import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RunState, Status } from "../gen/tally/v1/run_pb.js";
import { startTally } from "../src/app.js";
import { loadConfig } from "../src/config.js";
import { Connection } from "../src/db/client.js";
import { createLogger } from "../src/log.js";
import { createTestDatabase, type TestDatabase } from "./support/database.js";
import { startTestServer } from "./support/server.js";

vi.setConfig({ testTimeout: 90_000 });
let database: TestDatabase;
let db: Connection;
beforeEach(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: false });
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const start = () => startTestServer({ databaseUrl: database.url });
/** The first column of the first row. */
const value = async (statement: string) =>
  Object.values((await db.query<Record<string, unknown>>(statement))[0] ?? {})[0];
const results = [{ test: { name: "a" }, status: Status.PASSED }];

describe("a server", () => {
  it("does at its start what came due while none ran", async () => {
    const before = await start();
    const token = before.allToken;
    const { ingest } = before.client(token);
    for (const runId of ["quiet", "crashed", "doomed"]) {
      await ingest.ingestRun({ run: { runId }, results: [...results, { status: Status.PASSED }] });
    }
    await before[Symbol.asyncDispose]();
    const of = (runId: string) => `run_key = (SELECT run_key FROM runs WHERE run_id = '${runId}')`;
    await db.run(`
      UPDATE runs SET created_at = now() - interval '25 hours' WHERE run_id = 'quiet';
      UPDATE run_parts SET created_at = now() - interval '25 hours' WHERE ${of("quiet")};
      UPDATE batches SET created_at = now() - interval '25 hours' WHERE ${of("quiet")};
      UPDATE run_parts SET finished_at = now(), finish_status = 1 WHERE ${of("crashed")};
      UPDATE runs SET state_version = state_version + 1, unsettled_at = now() - interval '1 minute'
      WHERE run_id = 'crashed';
      UPDATE runs SET deleted_at = now() WHERE run_id = 'doomed';
      UPDATE rejections SET state = 3, closed_at = now() - interval '31 days' WHERE ${of("crashed")};
      INSERT INTO audit_entries (action, subject_id, refused_minute)
      VALUES ('auth_failed', 'old', now() - interval '31 days');`);

    await using server = await start();
    const { stats } = server.client(token);
    const listed = async (state: RunState) =>
      (await stats.listRuns({ state })).runs.map(({ runId }) => runId);
    const patience = { timeout: 30_000 };
    await expect.poll(() => listed(RunState.ABANDONED), patience).toEqual(["quiet"]);
    await expect.poll(() => listed(RunState.FINISHED), patience).toEqual(["crashed"]);
    const left = (table: string, where: string) =>
      expect.poll(() => value(`SELECT count(*)::int FROM ${table} WHERE ${where}`), patience);
    await left("results", of("doomed")).toBe(0);
    await left("results", of("quiet")).toBe(1);
    await left("rejections", `${of("crashed")} AND bytes IS NULL`).toBe(1);
    await left("rejections", `${of("quiet")} AND bytes IS NOT NULL`).toBe(1);
    await left("audit_entries", "subject_id = 'old'").toBe(0);
  });

  it("stores the results of a month that has lost its partition", async () => {
    await using server = await start();
    const { ingest, stats } = server.client(server.allToken);
    const partitions = await db.query<{ name: string }>(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'results'::regclass",
    );
    expect(partitions).toHaveLength(3);
    for (const { name } of partitions) await db.run(`DROP TABLE ${name}`);
    const { acceptedCount } = await ingest.ingestRun({ run: { runId: "r" }, results });
    expect(acceptedCount).toBe(1n);
    expect((await stats.getRun({ runId: "r" })).run?.totals?.resultCount).toBe(1n);
    expect(await value("SELECT count(*)::int FROM results")).toBe(1);
  });

  it("leaves no connection to the database behind, stopped or unable to start", async () => {
    const connections = () =>
      value(`
        SELECT count(*)::int FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    const server = await start();
    await server.client(server.readToken).stats.listRuns({});
    expect(await connections()).toBeGreaterThan(0);
    await server[Symbol.asyncDispose]();
    await expect.poll(connections, { timeout: 30_000 }).toBe(0);

    const holder = createServer();
    holder.listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const env = { DATABASE_URL: database.url, TALLY_PORT: String(port), TALLY_BCRYPT_COST: "4" };
    await expect(
      startTally(loadConfig(env), createLogger("silent"), { foldHere: true }),
    ).rejects.toThrow("is in use");
    holder.close();
    await expect.poll(connections, { timeout: 30_000 }).toBe(0);
  });
});
