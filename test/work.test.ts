import type { ChildProcess } from "node:child_process";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventMode } from "../gen/tally/v1/event_pb.js";
import type { IngestEventsRequestSchema } from "../gen/tally/v1/event_service_pb.js";
import { Connection } from "../src/db/client.js";
import { createEmptyDatabase } from "./support/database.js";
import { startTestServer, type TestServer } from "./support/server.js";
import { startTallyd, type Tallyd } from "./support/tallyd.js";

/** More than one statement takes. */
const EVENTS = 6_000;
const EVENTS_PER_FRAME = 3_000;
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

/** Sends events to be queued. */
async function queueEvents(total = EVENTS): Promise<void> {
  async function* frames(): AsyncGenerator<MessageInitShape<typeof IngestEventsRequestSchema>> {
    yield { frame: { case: "open", value: { mode: EventMode.QUEUE } } };
    for (let sent = 0; sent < total; sent += EVENTS_PER_FRAME) {
      const events = Array.from({ length: Math.min(EVENTS_PER_FRAME, total - sent) }, (_, i) => {
        const event = { source: "a", type: "view", timestamp: 1_700_000_000 + sent + i };
        return { payload: { case: "json" as const, value: Buffer.from(JSON.stringify(event)) } };
      });
      yield { frame: { case: "batch", value: { events } } };
    }
    yield { frame: { case: "finish", value: {} } };
  }
  const summary = await server.client(server.allToken).events.ingestEvents(frames());
  expect(summary).toMatchObject({ queuedCount: BigInt(total), complete: true });
}

/** From now on workers take events and cannot go on to process them. */
const holdProcessing = () => locker.run("BEGIN; SELECT FROM events FOR UPDATE");
const letProcessing = () => locker.run("COMMIT");

/** Backends whose statements wait for what is held. */
async function waiters(): Promise<number[]> {
  const rows = await db.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' ORDER BY pid`,
  );
  return rows.map(({ pid }) => pid);
}

/** How many events each worker has leased, the fewest first. */
async function held(): Promise<number[]> {
  const rows = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM inbox WHERE lease_key IS NOT NULL GROUP BY lease_key ORDER BY n`,
  );
  return rows.map(({ n }) => n);
}

/** Events that a worker could take now. */
const free = async () => (await db.query("SELECT FROM inbox FOR UPDATE SKIP LOCKED")).length;
const count = async (table: string, where: string) => {
  const [row] = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM ${table} WHERE ${where}`,
  );
  return row?.n;
};
const processed = () => count("events", "state = 2");
const waiting = () => count("inbox", "true");
/** Events on their way into the figures, and there. */
async function folding(): Promise<number | undefined> {
  const [row] = await db.query<{ n: number }>(
    `SELECT (
      COALESCE((SELECT sum(cardinality(days)) FROM event_fold_queue), 0)
      + COALESCE((SELECT sum(views) FROM event_days WHERE day > '-infinity'), 0)
    )::int AS n`,
  );
  return row?.n;
}

describe("tallyd work", () => {
  it("shares queued events with another one, each processed once", async () => {
    await queueEvents();
    await holdProcessing();
    const workers = await Promise.all([startWorking(), startWorking()]);
    await expect.poll(waiters, PATIENCE).toHaveLength(2);
    expect(await free()).toBe(0);
    expect(await processed()).toBe(0);
    await letProcessing();
    await expect.poll(processed, PATIENCE).toBe(EVENTS);
    expect(await waiting()).toBe(0);
    expect(await folding()).toBe(EVENTS);
    const counts = await Promise.all(workers.map(stop));
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((sum, each) => sum + each)).toBe(EVENTS);
  });

  it("takes over what one had taken that was killed, as soon as the database sees it", async () => {
    await queueEvents(2_000);
    await holdProcessing();
    const killed = await startWorking();
    await expect.poll(waiters, PATIENCE).toHaveLength(1);
    const [dead] = await waiters();
    const other = await startWorking();
    killed.child.kill("SIGKILL");
    expect(await killed.exited).toEqual([null, "SIGKILL"]);
    await expect
      .poll(async () => (await waiters()).filter((pid) => pid !== dead), PATIENCE)
      .toHaveLength(1);
    await letProcessing();
    await expect.poll(processed, PATIENCE).toBe(2_000);
    expect(await folding()).toBe(2_000);
    expect(await stop(other)).toBe(2_000);
  });

  it("takes over what one had leased that was killed, once its lease ends", async () => {
    await queueEvents(2_000);
    // Attempts after the first one have leases.
    await db.run("UPDATE inbox SET attempts = 1");
    await holdProcessing();
    const [killed, other] = await Promise.all([startWorking(), startWorking()]);
    await expect.poll(held, PATIENCE).toEqual([1_000, 1_000]);
    await expect.poll(waiters, PATIENCE).toHaveLength(2);
    killed.child.kill("SIGKILL");
    expect(await killed.exited).toEqual([null, "SIGKILL"]);
    // Its statement waits for the lock, and ends when the database sees that nobody is there any more.
    await expect.poll(waiters, PATIENCE).toHaveLength(1);
    await letProcessing();
    await expect.poll(processed, PATIENCE).toBe(1_000);
    expect(await count("inbox", "run_at > now()")).toBe(1_000);
    await db.run("UPDATE inbox SET run_at = now()");
    await expect.poll(processed, PATIENCE).toBe(2_000);
    expect(await waiting()).toBe(0);
    expect(await stop(other)).toBe(2_000);
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
