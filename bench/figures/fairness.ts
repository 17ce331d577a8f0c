/** How long the calls of a quiet project take beside one that floods. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createTallyClient, type TallyClient } from "../../src/client/index.js";
import { type Figure, quantile } from "../figure.js";
import { result } from "../results.js";
import type { BenchServer } from "../server.js";

const STREAMS = 64;
const CALLS_PER_SECOND = 50;

/** `fairness`: p99 of 50 unary calls a second beside 64 streams, against the p99 alone. */
export const fairness: Figure = {
  name: "fairness",
  description: "p99 of a project's 50 unary calls a second while another floods with 64 streams",
  async measure(server, isSmoke) {
    const calls = isSmoke ? 50 : 1_000;
    const { token } = await server.newProject();
    const client = createTallyClient({ url: server.url, token });
    await callSteadily(client, "warm-up", calls / 5);
    const alone = await callSteadily(client, "alone", calls);
    await using flood = await startFlood(server);
    const before = flood.acknowledged();
    const startedAt = performance.now();
    const beside = await callSteadily(client, "beside", calls);
    const seconds = (performance.now() - startedAt) / 1000;
    client.close();
    const rate = Math.round(((flood.acknowledged() - before) * 5_000) / seconds);
    const medians = [alone, beside].map((times) => quantile(times, 0.5).toFixed(1));
    return [
      {
        name: "fairness",
        value: quantile(beside, 0.99),
        unit: "ms",
        limit: quantile(alone, 0.99),
        conditions: `${calls} calls beside ${STREAMS} streams with ${rate} results/s; limit: alone; medians ${medians[1]} and ${medians[0]} ms`,
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

/** A process of its own that floods; resolves when every stream has had an answer. */
async function startFlood(server: BenchServer) {
  const { token } = await server.newProject();
  const program = fileURLToPath(new URL("../load/flood.js", import.meta.url));
  const args = ["--url", server.url, "--token", token, "--streams", String(STREAMS)];
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  let acknowledged = 0;
  createInterface({ input: child.stdout }).on("line", (line) => {
    acknowledged = Number(line);
  });
  while (acknowledged < STREAMS && child.exitCode === null) await sleep(20);
  return {
    acknowledged: () => acknowledged,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
