/** Folding goes on where a killed server left it. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import type { Connection } from "../../src/db/client.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { type ServerProcess, startServerProcess } from "../support/server-process.js";
import { outsider } from "./faults.js";
import { compareFigures } from "./figures.js";
import { createProjects } from "./tenants.js";

vi.setConfig({ testTimeout: 90_000 });
const PATIENCE = { timeout: 60_000 };
let database: TestDatabase;
let db: Connection;
let server: ServerProcess;
beforeEach(async () => {
  database = await createTestDatabase();
  db = outsider(database.url);
  server = await startServerProcess({ databaseUrl: database.url });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

it.each([
  ["before it has written anything", "fold_states"],
  ["while it writes", "test_windows"],
])("by the next server, when the first is killed %s", async (_, table) => {
  const [project] = await createProjects(server.url, server.adminToken);
  const client = createTallyClient({ url: server.url, token: project.token });
  const send = (runId: string, status: Status) =>
    client.ingest.ingestRun({
      run: { runId, source: { commitSha: "c" } },
      results: Array.from({ length: 50 }, (_, i) => ({
        test: { name: `t${i}` },
        status,
        duration: { nanos: 1_000_000 },
      })),
    });
  await using locker = outsider(database.url);
  await locker.run(`BEGIN; LOCK TABLE ${table} IN SHARE MODE`);
  await send("a", Status.FAILED);
  await send("b", Status.PASSED);
  const waiting = async () => {
    const rows = await db.query(
      `SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%fold_states%'`,
    );
    return rows.length;
  };
  await expect.poll(waiting, PATIENCE).toBe(1);
  await server.end("SIGKILL");
  await locker.run("ROLLBACK");
  await server.ready();
  client.close();
  const queued = async () => (await db.query("SELECT 1 FROM fold_queue")).length;
  await expect.poll(queued, PATIENCE).toBe(0);
  expect(await compareFigures(database.url)).toEqual([]);
  const [flaky] = await db.query<{ n: number }>("SELECT sum(flaky_1)::int AS n FROM test_windows");
  expect(flaky?.n).toBe(50);
  expect(server.complaints).toEqual([]);
});
