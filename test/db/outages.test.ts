import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { createTallyClient, type TallyClient, uploadResults } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { startTestServer, type TestServer } from "../support/server.js";
import type { TcpProxy } from "../support/tcp-proxy.js";
import { proxyOf } from "./support.js";

let database: TestDatabase;
let proxy: TcpProxy;
let server: TestServer;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await proxyOf(database.url);
  server = await startTestServer({ databaseUrl: proxy.through(database.url) });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const OUTAGE_MS = 4_000;
/** As the issue asks. */
const BACK_WITHIN_MS = 2_000;

let runs = 0;
let runId: string;
beforeEach(() => {
  runId = `run ${++runs}`;
});

it.each<[string, () => Promise<void>]>([
  [
    "four seconds of silence",
    async () => {
      proxy.setBlackhole(true);
      await sleep(OUTAGE_MS);
      proxy.setBlackhole(false);
    },
  ],
  [
    "four seconds in which every connection is reset at once",
    async () => {
      const until = performance.now() + OUTAGE_MS;
      while (performance.now() < until) {
        proxy.cut("rst");
        await sleep(5);
      }
    },
  ],
  ["a reset of every connection", async () => proxy.cut("rst")],
  ["an end of every connection", async () => proxy.cut("fin")],
])(
  "goes on within two seconds after %s, and hangs no call",
  async (_, disturb) => {
    await using load = startLoad();
    await load.untilSuccesses(20);
    await disturb();
    const backAt = performance.now();
    await load.untilSuccesses(1);
    expect(performance.now() - backAt).toBeLessThan(BACK_WITHIN_MS);
    await load.untilSuccesses(20);
    const { unary, streamed } = await load.stop();

    // What was acknowledged is stored, once; the streams went on by themselves and lost nothing.
    await using db = new Connection({ url: database.url, prepare: false });
    const rows = await db.query<{ result_id: string }>(
      "SELECT result_id FROM results JOIN runs USING (project_key, run_key) WHERE run_id = $1",
      [runId],
    );
    const stored = rows.map(({ result_id }) => result_id);
    expect(new Set(stored).size).toBe(stored.length);
    expect(unary.filter((id) => !stored.includes(id))).toEqual([]);
    expect(streamed.filter((id) => !stored.includes(id))).toEqual([]);
    expect(server.logLines.filter(({ level }) => level === "error" || level === "fatal")).toEqual(
      [],
    );
  },
  60_000,
);

/** Ten unary calls a second and two streams, which must all come to an end. */
function startLoad() {
  const client = createTallyClient({ url: server.url, token: server.ingestToken });
  onTestFinished(() => client.close());
  let isOver = false;
  let successes = 0;
  const unary: string[] = [];
  const calls: Promise<void>[] = [];
  const call = async (id: string) => {
    try {
      await client.ingest.ingestRun({ run: { runId }, results: [result(id)] }, CALL_OPTIONS);
      successes += 1;
      unary.push(id);
    } catch {
      // A clear refusal is as good as an answer here: what must not be is none.
    }
  };
  const calling = (async () => {
    for (let i = 0; !isOver; i++) {
      calls.push(call(`unary ${i}`));
      await sleep(100);
    }
  })();
  const streams = ["a", "b"].map((name) => stream(client, name, () => isOver));
  return {
    /** Resolves after that many more calls have succeeded. */
    async untilSuccesses(count: number) {
      const wanted = successes + count;
      while (successes < wanted) await sleep(5);
    },
    /** Ends the load once every call has been answered; the ids that were acknowledged. */
    async stop() {
      isOver = true;
      await calling;
      await Promise.all(calls);
      return { unary, streamed: (await Promise.all(streams)).flat() };
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.allSettled([calling, ...calls, ...streams]);
    },
  };
}

/** Longer than the server needs to give up, and far shorter than the test's own limit. */
const CALL_OPTIONS = { timeoutMs: 15_000 };

function result(id: string) {
  return { test: { name: "t" }, resultId: id, status: 1 };
}

/** Uploads ten results a second until the load is over; their ids. */
async function stream(client: TallyClient, name: string, isOver: () => boolean) {
  const ids: string[] = [];
  async function* results() {
    while (!isOver()) {
      const id = `stream ${name} ${ids.length}`;
      ids.push(id);
      yield result(id);
      await sleep(100);
    }
  }
  await uploadResults(client, { run: { runId }, part: { job: name } }, results(), {
    batchResults: 1,
  });
  return ids;
}
