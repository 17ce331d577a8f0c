import type { ChildProcess } from "node:child_process";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventMode } from "../gen/tally/v1/event_pb.js";
import type { IngestEventsRequestSchema } from "../gen/tally/v1/event_service_pb.js";
import { Connection } from "../src/db/client.js";
import { createEmptyDatabase } from "./support/database.js";
import { startTestServer, type TestServer } from "./support/server.js";
import { startTallyd, type Tallyd } from "./support/tallyd.js";

const EVENTS = 2_000;
const PATIENCE = { timeout: 60_000 };
// Several processes start in each test.
vi.setConfig({ testTimeout: 120_000 });
let server: TestServer;
let db: Connection;
/** Holds a lock; what it begins ends with it. */
let locker: Connection;
const children: ChildProcess[] = [];
beforeEach(async () => {
  server = await startTestServer({ env: { TALLY_WORK_CONCURRENCY: "0" } });
  db = new Connection({ url: server.databaseUrl, prepare: false });
  locker = new Connection({ url: server.databaseUrl, prepare: false });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await locker[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** `tallyd work` on the server's database. */
function start(env: Readonly<Record<string, string>> = {}): Tallyd {
  const started = startTallyd("work", {
    DATABASE_URL: server.databaseUrl,
    TALLY_WORK_CONCURRENCY: "1",
    ...env,
  });
  children.push(started.child);
  return started;
}

/** The same once it works. */
async function startWorking(): Promise<Tallyd> {
  const started = start();
  await started.says(/^Tally \d+\.\d+\.\d+ processes queued events$/m);
  return started;
}

/** Stops it as a supervisor does; how many events it says it has processed. */
async function stop({ child, exited, says }: Tallyd): Promise<number> {
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  const [line] = await says(/^\{.*"event":"stopped".*$/m);
  return (JSON.parse(line) as { processed: number }).processed;
}

/** Sends events to be queued, in one batch. */
async function queueEvents(): Promise<void> {
  const events = Array.from({ length: EVENTS }, (_, i) => {
    const event = { source: "a", type: "view", timestamp: 1_700_000_000 + i };
    return { payload: { case: "json" as const, value: Buffer.from(JSON.stringify(event)) } };
  });
  async function* frames(): AsyncGenerator<MessageInitShape<typeof IngestEventsRequestSchema>> {
    yield { frame: { case: "open", value: { mode: EventMode.QUEUE } } };
    yield { frame: { case: "batch", value: { events } } };
    yield { frame: { case: "finish", value: {} } };
  }
  const summary = await server.client(server.allToken).events.ingestEvents(frames());
  expect(summary).toMatchObject({ queuedCount: BigInt(EVENTS), complete: true });
}

/** From now on workers take events and cannot go on to process them. */
const holdProcessing = () => locker.run("BEGIN; LOCK TABLE events IN EXCLUSIVE MODE");
const letProcessing = () => locker.run("COMMIT");

/** How many events each worker holds, the fewest first. */
async function held(): Promise<number[]> {
  const rows = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM inbox WHERE lease_key IS NOT NULL GROUP BY lease_key ORDER BY n`,
  );
  return rows.map(({ n }) => n);
}

const count = async (table: string, where: string) => {
  const [row] = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM ${table} WHERE ${where}`,
  );
  return row?.n;
};
const processed = () => count("events", "state = 2");
const waiting = () => count("inbox", "true");

describe("tallyd work", () => {
  it("shares queued events with another one, each processed once", async () => {
    await queueEvents();
    await holdProcessing();
    const workers = await Promise.all([startWorking(), startWorking()]);
    await expect.poll(held, PATIENCE).toEqual([1_000, 1_000]);
    expect(await processed()).toBe(0);
    await letProcessing();
    await expect.poll(processed, PATIENCE).toBe(EVENTS);
    expect(await waiting()).toBe(0);
    const counts = await Promise.all(workers.map(stop));
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((sum, each) => sum + each)).toBe(EVENTS);
  });

  it("takes over what one had leased that was killed, once its lease ends", async () => {
    await queueEvents();
    await holdProcessing();
    const [killed, other] = await Promise.all([startWorking(), startWorking()]);
    await expect.poll(held, PATIENCE).toEqual([1_000, 1_000]);
    killed.child.kill("SIGKILL");
    expect(await killed.exited).toEqual([null, "SIGKILL"]);
    // Its statement waits for the lock, and ends when the database sees that nobody is there any more.
    const waiters = () =>
      count("pg_stat_activity", "datname = current_database() AND wait_event_type = 'Lock'");
    await expect.poll(waiters, PATIENCE).toBe(1);
    await letProcessing();
    await expect.poll(processed, PATIENCE).toBe(EVENTS / 2);
    expect(await count("inbox", "run_at > now()")).toBe(EVENTS / 2);
    await db.run("UPDATE inbox SET run_at = now()");
    await expect.poll(processed, PATIENCE).toBe(EVENTS);
    expect(await waiting()).toBe(0);
    expect(await stop(other)).toBe(EVENTS);
  });

  it("processes what is queued while it waits", async () => {
    const worker = await startWorking();
    await queueEvents();
    await expect.poll(processed, PATIENCE).toBe(EVENTS);
    expect(await stop(worker)).toBe(EVENTS);
  });

  it("brings an empty database to this version", async () => {
    await using empty = await createEmptyDatabase();
    const worker = start({ DATABASE_URL: empty.url });
    await worker.says(/processes queued events/);
    expect(await stop(worker)).toBe(0);
  });

  it("says what it needs: a database, and workers", async () => {
    const { exited, output } = start({ DATABASE_URL: "", TALLY_WORK_CONCURRENCY: "0" });
    expect(await exited).toEqual([1, null]);
    expect(output()).toMatch(/DATABASE_URL: expected.*TALLY_WORK_CONCURRENCY=0: expected/s);
  });
});
