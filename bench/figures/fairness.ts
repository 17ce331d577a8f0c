/** How long the calls of a quiet project take beside one that floods. */
import { setTimeout as sleep } from "node:timers/promises";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import { type Figure, quantile } from "../figure.js";
import { startLoad } from "../load/start-load.js";
import { result } from "../results.js";

const CALLS_PER_SECOND = 50;

/** `fairness`: p99 of 50 unary calls a second beside 64 streams, against the p99 alone. */
export const fairness: Figure = {
  name: "fairness",
  description: "p99 of a project's 50 unary calls a second while another floods with 64 streams",
  async measure(server, isSmoke) {
    const calls = isSmoke ? 50 : 1_000;
    const streams = isSmoke ? 4 : 64;
    const { token } = await server.newProject();
    const client = createTallyClient({ url: server.url, token });
    await callSteadily(client, "warm-up", calls / 5);
    const alone = await callSteadily(client, "alone", calls);
    const flooded = await server.newProject();
    await using flood = await startLoad(
      "flood",
      { url: server.url, token: flooded.token, streams },
      streams,
    );
    const before = flood.count();
    const startedAt = performance.now();
    const beside = await callSteadily(client, "beside", calls);
    const seconds = (performance.now() - startedAt) / 1000;
    client.close();
    const rate = Math.round(((flood.count() - before) * 5_000) / seconds);
    const medians = [alone, beside].map((times) => quantile(times, 0.5).toFixed(1));
    return [
      {
        name: "fairness",
        value: quantile(beside, 0.99),
        unit: "ms",
        limit: quantile(alone, 0.99),
        conditions: `${calls} calls beside ${streams} streams with ${rate} results/s; limit: alone; medians ${medians[1]} and ${medians[0]} ms`,
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
