/** How soon calls succeed again after Postgres was killed. */
import { setTimeout as sleep } from "node:timers/promises";
import { createTallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import type { Figure } from "../figure.js";
import { result } from "../results.js";
import type { BenchServer } from "../server.js";

const CALLERS = 8;
/** A call that has not ended this long after its deadline hangs. */
const GRACE_MS = 2_000;
const DEADLINE_MS = 10_000;

/** `recovery.kill`: kill -9 of the postmaster under calls, which its supervisor brings back. */
export const recovery: Figure = {
  name: "recovery",
  description: "seconds until calls succeed after a killed Postgres takes connections again",
  async measure(server, isSmoke) {
    const rounds = isSmoke ? 1 : 3;
    const seconds: number[] = [];
    let hung = 0;
    for (let round = 0; round < rounds; round++) {
      const load = await startLoad(server);
      await load.success();
      process.kill(server.postgresPid(), "SIGKILL");
      const backAt = await databaseBack(server.databaseUrl);
      const succeededAt = await load.success();
      seconds.push(Math.max(0, succeededAt - backAt) / 1000);
      hung += await load.stop();
    }
    return [
      {
        name: "recovery.kill",
        value: Math.max(...seconds),
        unit: "s",
        limit: null,
        conditions: `worst of ${rounds}, ${CALLERS} callers; ${hung} calls hung`,
      },
    ];
  },
};

/** Calls one after the other by each caller, whatever comes of them. */
async function startLoad(server: BenchServer) {
  const client = createTallyClient({
    url: server.url,
    token: (await server.newProject()).token,
    defaultTimeoutMs: DEADLINE_MS,
    maxRetries: 0,
  });
  let running = true;
  let sent = 0;
  let underWay = 0;
  let onSuccess = (_: number) => {};
  const callers = Array.from({ length: CALLERS }, async () => {
    while (running) {
      underWay += 1;
      try {
        await client.ingest.ingestRun({ run: { runId: "load" }, results: [result(sent++)] });
        onSuccess(performance.now());
      } catch {
        // What is refused is tried again with the next result.
        await sleep(20);
      }
      underWay -= 1;
    }
  });
  return {
    /** When the next call succeeds. */
    success: () =>
      new Promise<number>((resolve) => {
        onSuccess = resolve;
      }),
    /** How many calls do not end. */
    async stop() {
      running = false;
      await Promise.race([Promise.all(callers), sleep(DEADLINE_MS + GRACE_MS)]);
      client.close();
      return underWay;
    },
  };
}

/** When a new connection is answered again. */
async function databaseBack(databaseUrl: string): Promise<number> {
  for (;;) {
    await using connection = new Connection({ url: databaseUrl, prepare: false });
    try {
      await connection.query("SELECT 1", [], { deadlineAt: Date.now() + 1_000 });
      return performance.now();
    } catch {
      await sleep(20);
    }
  }
}
