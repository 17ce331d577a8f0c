import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import {
  PublishResultsRequestSchema,
  UploadProgressSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { Status, TestResultSchema } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import type { Connection } from "../../src/db/client.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { failure } from "../support/failure.js";
import { type ServerProcess, startServerProcess } from "../support/server-process.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { outsider } from "./faults.js";
import { checkInvariants } from "./invariants.js";
import { createJournaledClient } from "./journaled-client.js";
import { sendPublished, sendResuming, sendUnary, sendUploaded } from "./senders.js";
import { createProjects, type Project } from "./tenants.js";
import { compareTotals } from "./totals.js";
import { countWaitingInserts } from "./waiting-inserts.js";

vi.setConfig({ testTimeout: 90_000 });
const PATIENCE = { timeout: 30_000 };
let database: TestDatabase;
let db: Connection;
let server: ServerProcess;
let project: Project;
beforeEach(async () => {
  database = await createTestDatabase();
  db = outsider(database.url);
  server = await startServerProcess({ databaseUrl: database.url });
  [project] = await createProjects(server.url, server.adminToken);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

it("that is killed between commit and acknowledgement counts what is sent again once", async () => {
  await using front = await startTcpProxy({ host: "127.0.0.1", port: portOf(server.url) });
  using client = createJournaledClient(front.through(server.url), project);
  // The server has what every sender sends in one batch, two of them in statements, and nothing is stored yet.
  await using locker = outsider(database.url);
  await locker.run("BEGIN; LOCK TABLE results IN SHARE MODE");
  const results = (sender: number) =>
    Array.from({ length: 3 }, (_, i) => result(`sender ${sender} result ${i}`));
  const senders = [sendUnary, sendPublished, sendUploaded, sendResuming];
  const sending = [];
  for (const [i, send] of senders.entries()) {
    sending.push(client.sendResults(send, results(i)));
    const waits = Math.min(i + 1, 2);
    await expect.poll(() => countWaitingInserts(db), PATIENCE).toBe(waits);
    await expect.poll(queuedCount, PATIENCE).toBe((i + 1 - waits) * 3);
  }
  // The acknowledgements do not leave, although everything is committed.
  front.setBlackhole(true);
  await locker.run("ROLLBACK");
  await expect.poll(() => storedCount(db), PATIENCE).toBe(12);
  await server.end("SIGKILL");
  expect(client.journal.acknowledgements).toEqual([]);
  front.cut("rst");
  front.setBlackhole(false);
  await Promise.all(sending);

  expect(await checkInvariants(db, client.journal)).toEqual([]);
  expect(await storedCount(db)).toBe(12);
  const sum = (i: number) =>
    client.journal.answered.reduce((total, { counts }) => total + (counts[i] ?? 0), 0);
  expect([sum(0), sum(1)]).toEqual([0, 12]);
  expect(await compareTotals(db, server.url, [project])).toEqual([]);
  expect([...client.journal.complaints, ...server.complaints]).toEqual([]);
});

it("answers in time while a table is locked for 10 s, and stores once what it promised", async () => {
  using client = createJournaledClient(server.url, project);
  await using caller = connect(server.url, project.token);
  const { ingest } = caller.client;
  await client.send(sendUnary, 10);
  await using locker = outsider(database.url);
  await locker.run("BEGIN; LOCK TABLE results IN ACCESS EXCLUSIVE MODE");
  const released = sleep(10_000).then(() => locker.run("ROLLBACK"));
  const lockedAt = performance.now();
  const patient = Promise.all(
    [sendPublished, sendUploaded, sendResuming].map((sender) => client.send(sender, 50)),
  );
  const unary = ingest.ingestRun(
    { run: { runId: "patient" }, results: [result("a")] },
    { timeoutMs: 30_000 },
  );
  const hasty = await Promise.all(
    Array.from({ length: 10 }, (_, i) => callWithin(1_000, `hasty ${i}`)),
  );
  expect(performance.now() - lockedAt).toBeLessThan(8_000);
  for (const code of hasty) expect(["deadline_exceeded", "unavailable"]).toContain(code);
  await released;
  expect((await unary).acceptedCount).toBe(1n);
  await patient;
  // Nobody promised these, so each may be stored or not, once; sent again, they are.
  for (let i = 0; i < 10; i++) {
    await ingest.ingestRun({ run: { runId: "hasty" }, results: [result(`hasty ${i}`)] });
  }
  expect(await storedCount(db, "hasty")).toBe(10);
  expect(await storedCount(db, "patient")).toBe(1);
  expect(await compareTotals(db, server.url, [project])).toEqual([]);
  expect([...client.journal.complaints, ...server.complaints]).toEqual([]);
});

it("that is cut off while it stops is UNAVAILABLE", async () => {
  await using front = await startTcpProxy({ host: "127.0.0.1", port: portOf(server.url) });
  await using caller = connect(front.through(server.url), project.token);
  await using locker = outsider(database.url);
  await locker.run("BEGIN; LOCK TABLE results IN SHARE MODE");
  const run = { runId: "run" };
  const calls = [
    failure(caller.client.ingest.ingestRun({ run, results: [result("a")] })),
    failure(publish(caller.client, "stream", () => {})),
  ];
  await expect.poll(() => countWaitingInserts(db), PATIENCE).toBe(2);
  const ended = server.end("SIGTERM");
  // A client that was told so takes a new connection for its next call.
  const reconnects = async () => {
    await caller.client.stats.listRuns({}, { timeoutMs: 1_000 }).catch(() => {});
    return front.acceptedCount;
  };
  await expect.poll(reconnects, PATIENCE).toBeGreaterThan(1);
  front.cut("rst");
  const errors = await Promise.all(calls);
  expect(errors.map(({ code }) => code)).toEqual([Code.Unavailable, Code.Unavailable]);
  await locker.run("ROLLBACK");
  await ended;
});

/** The code of a call whose deadline the server alone knows of: nothing here ends it. */
async function callWithin(timeoutMs: number, name: string): Promise<unknown> {
  const response = await fetch(new URL("/tally.v1.IngestService/IngestRun", server.url), {
    method: "POST",
    headers: {
      authorization: `Bearer ${project.token}`,
      "content-type": "application/json",
      "connect-timeout-ms": String(timeoutMs),
    },
    body: JSON.stringify({
      run: { runId: "hasty" },
      results: [{ test: { name }, status: "STATUS_PASSED" }],
    }),
  });
  const { code } = (await response.json()) as { code?: unknown };
  return code;
}

const STREAMS = 50;
const BATCH = 5;

it("that is stopped with 50 streams open acknowledges what it committed on each, and exits", async () => {
  await using caller = connect(server.url, project.token);
  const acknowledged = new Map<string, number>();
  const runs = Array.from({ length: STREAMS }, (_, i) => `stream ${i}`);
  const streams = runs.map((runId) =>
    failure(publish(caller.client, runId, (count) => acknowledged.set(runId, count))),
  );
  const all = () => runs.every((runId) => (acknowledged.get(runId) ?? 0) >= 2);
  await expect.poll(all, PATIENCE).toBe(true);
  await server.end("SIGTERM");
  const errors = await Promise.all(streams);
  for (const [i, runId] of runs.entries()) {
    const promised = promisedCount(errors[i]);
    expect(promised).toBeGreaterThanOrEqual(acknowledged.get(runId) ?? 0);
    expect(await storedCount(db, runId)).toBe(promised * BATCH);
  }
  expect(errors.map(({ code }) => code)).toEqual(runs.map(() => Code.Unavailable));
  expect(errors.flatMap((error) => error.findDetails(RetryInfoSchema))).toHaveLength(STREAMS);
  await server.ready();
  expect(await compareTotals(db, server.url, [project])).toEqual([]);
  // Among them would be an exit with another code than 0.
  expect(server.complaints).toEqual([]);
});

/** Sends batches until the stream ends; `onCount` hears how many are acknowledged. */
async function publish(client: TallyClient, runId: string, onCount: (count: number) => void) {
  let isOver = false;
  async function* frames() {
    yield create(PublishResultsRequestSchema, {
      frame: { case: "open", value: { run: { runId } } },
    });
    for (let sequence = 0; !isOver; sequence++) {
      const results = Array.from({ length: BATCH }, (_, i) => result(`${sequence} ${i}`));
      const value = { sequence: BigInt(sequence), results };
      yield create(PublishResultsRequestSchema, { frame: { case: "batch", value } });
      await sleep(200);
    }
  }
  try {
    for await (const { committedSequence } of client.ingest.publishResults(frames())) {
      if (committedSequence !== undefined) onCount(Number(committedSequence) + 1);
    }
  } finally {
    isOver = true;
  }
}

/** How many batches the end of a stream says are committed. */
function promisedCount(error: ConnectError | undefined): number {
  const progress = error?.findDetails(UploadProgressSchema)[0]?.committedSequence;
  return progress === undefined ? 0 : Number(progress) + 1;
}

function result(name: string) {
  return create(TestResultSchema, { test: { name }, status: Status.PASSED });
}

function connect(url: string, token: string) {
  const client = createTallyClient({ url, token });
  return { client, [Symbol.asyncDispose]: async () => client.close() };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** Results that the server has and no statement of it yet. */
async function queuedCount(): Promise<number> {
  const metrics = await (await fetch(new URL("/metrics", server.url))).text();
  return Number(/^tally_write_queue_rows\{kind="result"\} (\d+)$/m.exec(metrics)?.[1]);
}

/** Rows of a run, or of all. */
async function storedCount(db: Connection, runId: string | null = null): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `SELECT count(*)::int AS count
     FROM results JOIN runs USING (project_key, run_key)
     WHERE $1::text IS NULL OR run_id = $1`,
    [runId],
  );
  return row?.count ?? 0;
}
