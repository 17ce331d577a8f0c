/** Unary calls with one new result each. */
import { createTallyClient } from "../../src/client/index.js";
import { type Figure, inFlight, quantile, secondsOf } from "../figure.js";
import { measureSingleRows } from "../limits/single-rows.js";
import { result, TESTS } from "../results.js";

const IN_FLIGHT = 64;

/** `ingest.unary`, and how long its calls take. */
export const ingestUnary: Figure = {
  name: "ingest.unary",
  description: "unary calls a second of the typed client, one new result each, 64 in flight",
  async measure(server, isSmoke) {
    const rounds = isSmoke ? 1 : 4;
    const calls = isSmoke ? 640 : 10_000;
    const client = createTallyClient({ url: server.url, token: (await server.newProject()).token });
    const latencies: number[] = [];
    const call = async (i: number) => {
      const startedAt = performance.now();
      await client.ingest.ingestRun({ run: { runId: "unary" }, results: [result(i)] });
      latencies.push(performance.now() - startedAt);
    };
    // The tests become known, as those of a project are.
    await inFlight(calls, IN_FLIGHT, call);
    latencies.length = 0;
    const limitLatencies: number[] = [];
    let seconds = 0;
    let limitSeconds = 0;
    for (let round = 1; round <= rounds; round++) {
      seconds += await secondsOf(() => inFlight(calls, IN_FLIGHT, (i) => call(round * calls + i)));
      const { databaseUrl } = server;
      limitSeconds +=
        calls / (await measureSingleRows(databaseUrl, calls, IN_FLIGHT, "new", limitLatencies));
    }
    client.close();
    const sent = `${rounds} × ${calls} calls, ${IN_FLIGHT} in flight, ${TESTS} tests`;
    return [
      {
        name: "ingest.unary",
        value: (rounds * calls) / seconds,
        unit: "calls/s",
        limit: (rounds * calls) / limitSeconds,
        conditions: `${sent}; limit: single-row commits over ${IN_FLIGHT} connections`,
      },
      {
        name: "ingest.unary.p99",
        value: quantile(latencies, 0.99),
        unit: "ms",
        limit: quantile(limitLatencies, 0.99),
        conditions: `${sent}; half of them within ${quantile(latencies, 0.5).toFixed(1)} ms; limit: 99 of 100 of these commits`,
      },
    ];
  },
};
