import { spawn } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { createTallyClient, retryAfterMs, type TallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import type { Queryable } from "../../src/db/queryable.js";
import { listEnded, markUsed, readCredential } from "../../src/db/token-credentials.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { type ServerProcess, startServerProcess } from "../support/server-process.js";

const TOKENS = 100_000;
const WRONG_PER_SECOND = 100;

let database: TestDatabase;
/** In a process of its own: its event loop is what is measured. */
let server: ServerProcess;
let db: Connection;
let admin: TallyClient;
let projectId: string;
/** A token that has been used before the attack. */
let verified: string;
const clients: TallyClient[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  server = await startServerProcess({
    databaseUrl: database.url,
    env: {
      TALLY_BCRYPT_COST: "10",
      TALLY_TRUSTED_PROXIES: "127.0.0.1",
      TALLY_LOG_LEVEL: "error",
    },
  });
  admin = client(server.adminToken);
  const { organization } = await admin.tenancy.createOrganization({ name: "attacked" });
  const organizationId = organization?.organizationId ?? "";
  const { project } = await admin.tenancy.createProject({ organizationId, name: "shop" });
  projectId = project?.projectId ?? "";
  [verified = ""] = await newTokens(1);
  db = new Connection({ url: database.url, prepare: true });
  await db.query(
    `INSERT INTO tokens (token_id, kind, project_key, name, scopes, secret_hash)
    SELECT 'stored' || n, 2, t.project_key, 'stored', 1, t.secret_hash
    FROM generate_series(1, $1::int) AS n, (SELECT * FROM tokens WHERE kind = 2 LIMIT 1) AS t`,
    [TOKENS],
  );
  await db.run("ANALYZE tokens");
});
afterAll(async () => {
  for (const each of clients) each.close();
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

describe(`with ${TOKENS} tokens stored`, () => {
  it.each(["force_generic_plan", "force_custom_plan"])(
    "looks tokens up by an index alone, with %s",
    async (mode) => {
      await db.run(`SET plan_cache_mode = ${mode}`);
      onTestFinished(() => db.run("RESET plan_cache_mode"));
      const statements: [string, readonly unknown[]][] = [];
      const recorder: Queryable = {
        query: async (statement, params = []) => {
          statements.push([statement, params]);
          return [];
        },
      };
      await readCredential(recorder, "stored500", Infinity);
      await listEnded(recorder, 120_000, Infinity);
      await markUsed(recorder, [{ tokenId: "stored500", usedUs: 1 }]);
      expect(statements).toHaveLength(3);
      for (const [statement, params] of statements) {
        const plan = await db.query<{ "QUERY PLAN": string }>(
          `EXPLAIN ${statement}`,
          params as string[],
        );
        const lines = plan.map((row) => row["QUERY PLAN"]);
        expect(lines.filter((line) => /Seq Scan on tokens/.test(line))).toEqual([]);
        expect(lines.join("\n")).toMatch(/Index (Only )?Scan/);
      }
    },
  );

  it(`serves honest callers while ${WRONG_PER_SECOND} wrong tokens come each second`, async (context) => {
    const fresh = await newTokens(3);
    await callSteadily(1_000);
    const calm = await callSteadily(4_000);
    const attack = startAttack();
    await sleep(1_000);
    const [attacked, ...firstUses] = await Promise.all([
      callSteadily(6_000),
      ...fresh.map((token) => firstUse(token)),
    ]);
    const { sent, answers } = await attack.stop();

    expect(sent).toBeGreaterThan(WRONG_PER_SECOND * 5);
    // Wrong, too often, and on a slow machine: too many at once.
    const refusals = new Set(["grpc 16", "http 401", "grpc 8", "http 429", "grpc 14", "http 503"]);
    expect(Object.keys(answers).filter((answer) => !refusals.has(answer))).toEqual([]);
    expect(answers["grpc 16"]).toBeGreaterThan(0);
    expect(answers["http 401"]).toBeGreaterThan(0);
    expect(attacked.failures).toEqual([]);
    expect(firstUses).not.toContain(Infinity);

    const idleP99 = Math.max(calm.idleLoopP99, attacked.idleLoopP99);
    if (idleP99 > MAX_LOOP_P99_MS / 2) {
      context.skip(`too busy a machine to measure: an idle process is ${idleP99} ms late`);
    }
    expect(attacked.loopP99 - idleP99).toBeLessThan(MAX_LOOP_P99_MS);
    expect(attacked.p99).toBeLessThan(3 * Math.max(calm.p99, MAX_LOOP_P99_MS));
    for (const ms of firstUses) expect(ms).toBeLessThan(FIRST_USE_MS);
  }, 90_000);
});

/** As the issue asks. */
const MAX_LOOP_P99_MS = 20;
/** Four wrong hashes may be under way or next, and the client waits as it is told. */
const FIRST_USE_MS = 5_000;
/** When a caller gives up, even on a busy machine. */
const PATIENCE_MS = 40_000;
const CALL_EVERY_MS = 50;

function client(token: string): TallyClient {
  const made = createTallyClient({ url: server.url, token });
  clients.push(made);
  return made;
}

/** Secrets of tokens that nobody has used. */
async function newTokens(count: number): Promise<string[]> {
  const made = await Promise.all(
    Array.from({ length: count }, () =>
      admin.tenancy.createToken({ projectId, name: "fresh", scopes: [Scope.READ] }),
    ),
  );
  return made.map(({ secret }) => secret);
}

/** How long it takes until a token's first call passes, by a client that waits as it is told. */
async function firstUse(token: string): Promise<number> {
  const { stats } = client(token);
  const startedAt = performance.now();
  for (;;) {
    try {
      await stats.listRuns({});
      return performance.now() - startedAt;
    } catch (error) {
      const hintMs = retryAfterMs(error);
      if (hintMs === undefined) throw error;
      if (performance.now() - startedAt > PATIENCE_MS) return Infinity;
      await sleep(hintMs);
    }
  }
}

/**
 * Calls with a token that has verified, 10 a second over each protocol; how long they took, and how late the
 * event loops of the server and of this process were, in milliseconds.
 */
async function callSteadily(forMs: number) {
  const { stats } = client(verified);
  const overHttp = async () => {
    const response = await fetch(`${server.url}/tally.v1.StatsService/ListRuns`, {
      method: "POST",
      headers: { authorization: `Bearer ${verified}`, "content-type": "application/json" },
      body: "{}",
    });
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`HTTP ${response.status}`);
  };
  const idleLoop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  idleLoop.enable();
  await loopDelayP99();
  const failures: string[] = [];
  const startedAt = performance.now();
  const call = async (i: number) => {
    await sleep(startedAt + i * CALL_EVERY_MS - performance.now());
    const calledAt = performance.now();
    await (i % 2 === 0 ? stats.listRuns({}) : overHttp()).catch((error: unknown) => {
      failures.push(String(error));
    });
    return performance.now() - calledAt;
  };
  const times = await Promise.all(Array.from({ length: forMs / CALL_EVERY_MS }, (_, i) => call(i)));
  times.sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)] ?? Infinity;
  idleLoop.disable();
  const idleLoopP99 = idleLoop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS;
  return { p99, loopP99: await loopDelayP99(), idleLoopP99, failures };
}

/** Of the server's metrics too: every sample contains it. */
const LOOP_RESOLUTION_MS = 10;

/**
 * The 99th percentile since it was asked last, in milliseconds, as the server's metrics tell it, of a sample
 * each 10 ms. A hash on the loop, 70 ms and up to four a second, would be 5 % of the samples.
 */
async function loopDelayP99(): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return (
    Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(metrics)?.[1]) * 1000 -
    LOOP_RESOLUTION_MS
  );
}

/** Wrong tokens from a process of its own. */
function startAttack() {
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL("./attack.js", import.meta.url)),
      ...["--url", server.url, "--prefix", "stored", "--count", String(TOKENS)],
      ...["--perSecond", String(WRONG_PER_SECOND)],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const output = text(child.stdout);
  return {
    async stop() {
      child.kill("SIGTERM");
      return JSON.parse(await output) as { sent: number; answers: Record<string, number> };
    },
  };
}
