/** How long the calls of a quiet project take beside one that floods. */
import { setTimeout as sleep } from "node:timers/promises";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { type Figure, quantile, secondsOf } from "../figure.js";
import { startLoad } from "../load/start-load.js";
import { result } from "../results.js";
import { untilEmpty } from "../until-empty.js";

const CALLS_PER_SECOND = 50;
/** Until the flood is at its height, or what was under way of it is done. */
const SETTLE_MS = 1_000;

/** `fairness`: p99 of 50 unary calls a second beside 64 streams, against the p99 alone. */
export const fairness: Figure = {
  name: "fairness",
  description: "p99 of a project's 50 unary calls a second while another floods with 64 streams",
  async measure(server, isSmoke) {
    const calls = isSmoke ? 10 : 200;
    const streams = isSmoke ? 4 : 64;
    const turns = isSmoke ? 1 : 5;
    const { token } = await server.newProject();
    const client = createTallyClient({ url: server.url, token });
    await using db = new Connection({ url: server.databaseUrl, prepare: true });
    await callSteadily(client, "warm-up", calls);
    const flooded = await server.newProject();
    await using flood = await startLoad(
      "flood",
      { url: server.url, token: flooded.token, streams },
      streams,
    );
    const [alone, beside]: [number[], number[]] = [[], []];
    let batches = 0;
    let seconds = 0;
    for (let turn = 0; turn < turns; turn++) {
      flood.pause();
      await sleep(SETTLE_MS);
      await untilEmpty(db, "fold_queue");
      alone.push(...(await callSteadily(client, `alone ${turn}`, calls)));
      flood.resume();
      await sleep(SETTLE_MS);
      const before = flood.count();
      seconds += await secondsOf(async () => {
        beside.push(...(await callSteadily(client, `beside ${turn}`, calls)));
      });
      batches += flood.count() - before;
    }
    client.close();
    const rate = Math.round((batches * 5_000) / seconds);
    const medians = [beside, alone].map((times) => quantile(times, 0.5).toFixed(1));
    return [
      {
        name: "fairness",
        value: quantile(beside, 0.99),
        unit: "ms",
        limit: quantile(alone, 0.99),
        conditions: `${turns} × ${calls} calls beside ${streams} streams with ${rate} results/s; limit: alone, in turns with it; medians ${medians.join(" and ")} ms`,
      },
    ];
  },
};

/** Calls at a steady rate, whether or not earlier calls have been answered; how long each took. */
async function callSteadily(
  { ingest }: TallyClient,
  runId: string,
  count: number,
): Promise<number[]> {
  const startedAt = performance.now();
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      await sleep(startedAt + (i * 1000) / CALLS_PER_SECOND - performance.now());
      const calledAt = performance.now();
      await ingest.ingestRun({ run: { runId }, results: [result(i)] });
      return performance.now() - calledAt;
    }),
  );
}
