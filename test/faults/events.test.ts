/** Events under faults: what was acknowledged is stored, and everything once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it, vi } from "vitest";
import { EventMode, EventOutcome } from "../../gen/tally/v1/event_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import type { Connection } from "../../src/db/client.js";
import { startEmbeddedPostgres } from "../../src/embedded/postgres.js";
import { createTestDatabase } from "../support/database.js";
import { failure } from "../support/failure.js";
import { startTestServer } from "../support/server.js";
import { type ServerProcess, startServerProcess } from "../support/server-process.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { outsider } from "./faults.js";
import { createProjects } from "./tenants.js";

vi.setConfig({ testTimeout: 90_000 });
const PATIENCE = { timeout: 30_000 };

const view = (sender: number, n: number) => ({
  payload: {
    case: "json" as const,
    value: Buffer.from(
      `{"site_id":"sender ${sender}","event_type":"page_view","path":"/${n}","user":"u${n % 3}","ts":${1_700_000_000 + n}}`,
    ),
  },
});

/** What a sender heard of each of its events. */
interface Heard {
  readonly fresh: number;
  readonly repeats: number;
}

/** Sends events one after the other, each until it is answered, while it is told to send the next. */
async function sendAll(
  url: string,
  token: string,
  sender: number,
  mode: EventMode,
  goesOn: (sent: number) => boolean,
): Promise<Heard> {
  // The time is for faults, not for waiting after them.
  const channelOptions = { "grpc.max_reconnect_backoff_ms": 300 };
  const client = createTallyClient({ url, token, channelOptions });
  const heard = { fresh: 0, repeats: 0 };
  try {
    for (let n = 0; goesOn(n); n++) {
      const outcome = await untilAnswered(async () => {
        const { event } = await client.events.ingestEvent(
          { event: view(sender, n), mode },
          { timeoutMs: 5_000 },
        );
        return event?.outcome;
      });
      if (outcome === EventOutcome.DUPLICATE) heard.repeats += 1;
      else heard.fresh += 1;
    }
    return heard;
  } finally {
    client.close();
  }
}

async function untilAnswered<T>(send: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      const passing = [Code.Unavailable, Code.DeadlineExceeded];
      if (!(error instanceof ConnectError) || !passing.includes(error.code)) throw error;
      await sleep(50);
    }
  }
}

/** Everything that must agree once the inbox is empty. */
async function recount(db: Connection) {
  const [row] = await db.query<Record<string, number>>(
    `SELECT
      (SELECT count(*)::int FROM events) AS stored,
      (SELECT count(*)::int FROM events WHERE state = 2) AS processed,
      (SELECT count(*)::int FROM inbox) AS waiting,
      (SELECT COALESCE(sum(processed_count + queued_count), 0)::int FROM event_batches) AS counted,
      (SELECT COALESCE(sum(views), 0)::int FROM event_days WHERE day = '-infinity')
        + (SELECT COALESCE(sum(weight * cardinality(days)), 0)::int FROM event_fold_queue) AS views`,
  );
  return row;
}

const all = (count: number) => ({
  stored: count,
  processed: count,
  waiting: 0,
  counted: count,
  views: count,
});

it("counts once what a killed server had committed and not acknowledged", async () => {
  await using database = await createTestDatabase();
  await using db = outsider(database.url);
  await using server = await startServerProcess({ databaseUrl: database.url });
  const [project] = await createProjects(server.url, server.adminToken);
  await using front = await startTcpProxy({
    host: "127.0.0.1",
    port: Number(new URL(server.url).port),
  });
  await using locker = outsider(database.url);
  await locker.run("BEGIN; LOCK TABLE events IN SHARE MODE");
  const url = front.through(server.url);
  const waiting = async () =>
    (
      await db.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INTO events%'",
      )
    ).length;
  // Each has reached a statement of its own.
  const sending = [];
  for (const [sender, mode] of [EventMode.WAIT, EventMode.QUEUE].entries()) {
    sending.push(sendAll(url, project.token, sender, mode, (sent) => sent < 1));
    await expect.poll(waiting, PATIENCE).toBe(sender + 1);
  }
  front.setBlackhole(true);
  await locker.run("ROLLBACK");
  const stored = async () => (await recount(db))?.["stored"];
  await expect.poll(stored, PATIENCE).toBe(2);
  await server.end("SIGKILL");
  front.cut("rst");
  front.setBlackhole(false);
  const heard = await Promise.all(sending);
  // The first answers were lost: what was sent again is known.
  expect(heard).toEqual([
    { fresh: 0, repeats: 1 },
    { fresh: 0, repeats: 1 },
  ]);
  await expect.poll(() => recount(db), PATIENCE).toEqual(all(2));
});

it("loses nothing and counts nothing twice while servers and connections die", async () => {
  await using database = await createTestDatabase();
  await using db = outsider(database.url);
  await using server = await startServerProcess({ databaseUrl: database.url });
  const [project] = await createProjects(server.url, server.adminToken);
  const modes = [EventMode.WAIT, EventMode.QUEUE, EventMode.WAIT, EventMode.QUEUE];
  let isOver = false;
  const answered = modes.map(() => 0);
  const sending = modes.map((mode, sender) =>
    sendAll(server.url, project.token, sender, mode, (count) => {
      answered[sender] = count;
      return !isOver;
    }),
  );
  await breakThings(server, db, answered);
  isOver = true;
  const sent = (await Promise.all(sending)).map(({ fresh, repeats }) => fresh + repeats);
  expect(Math.min(...sent)).toBeGreaterThan(FAULTS);
  const count = sent.reduce((sum, each) => sum + each, 0);
  await expect.poll(() => recount(db), PATIENCE).toEqual(all(count));
  expect(server.complaints).toEqual([]);
});

const FAULTS = 12;

/** Kills the server and its connections in turns, each time when every sender had another answer. */
async function breakThings(server: ServerProcess, db: Connection, answered: readonly number[]) {
  for (let round = 0; round < FAULTS; round++) {
    await expect.poll(() => Math.min(...answered), PATIENCE).toBeGreaterThan(round);
    await sleep(300);
    if (round % 3 === 2) {
      await server.end("SIGKILL");
      await server.ready();
    } else {
      await db.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'`,
      );
    }
  }
}

it("loses nothing and counts nothing twice when Postgres is killed in mid-batch", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tally-events-"));
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "data") });
  try {
    await using server = await startTestServer({ databaseUrl: postgres.url });
    await using locker = outsider(postgres.url);
    await locker.run("BEGIN; LOCK TABLE events IN SHARE MODE");
    const sending = Promise.all(
      [EventMode.WAIT, EventMode.QUEUE, EventMode.WAIT].map((mode, sender) =>
        sendAll(server.url, server.ingestToken, sender, mode, (sent) => sent < 5),
      ),
    );
    await using watcher = outsider(postgres.url);
    const waiting = () =>
      watcher.query(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INTO events%'",
      );
    await expect.poll(async () => (await waiting()).length, PATIENCE).toBeGreaterThan(0);
    process.kill(postgres.pid, "SIGKILL");
    await sending;
    await using db = outsider(postgres.url);
    await expect.poll(() => recount(db), PATIENCE).toEqual(all(15));
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

it("writes nothing while the database does not answer, and processes what is sent again", async () => {
  await using database = await createTestDatabase();
  const { hostname, port } = new URL(database.url);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  await using server = await startTestServer({ databaseUrl: proxy.through(database.url) });
  const { events } = server.client(server.ingestToken);
  await events.ingestEvent({ event: view(0, 0) });
  proxy.setBlackhole(true);
  const error = await failure(events.ingestEvent({ event: view(0, 1) }, { timeoutMs: 1_500 }));
  expect([Code.Unavailable, Code.DeadlineExceeded]).toContain(error.code);
  proxy.cut("rst");
  proxy.setBlackhole(false);
  await using db = outsider(database.url);
  expect(await recount(db)).toMatchObject({ stored: 1 });
  const again = await untilAnswered(() => events.ingestEvent({ event: view(0, 1) }));
  expect(again.event?.outcome).toBe(EventOutcome.PROCESSED);
});
