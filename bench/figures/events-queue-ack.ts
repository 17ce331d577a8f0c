/** How long the acknowledgement of a queued event takes. */
import { Metadata } from "@grpc/grpc-js";
import { EventMode } from "../../gen/tally/v1/event_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import { eventJson } from "../events.js";
import { type Figure, inFlight, type Measurement, quantile } from "../figure.js";
import { openBareCaller, startBareServer } from "../limits/bare-call.js";
import { measureSingleRows } from "../limits/single-rows.js";

const IN_FLIGHT = 64;

/**
 * `events.queue.ack`: half of the acknowledgements, and 99 of 100, beside a bare one-row commit;
 * `events.queue.ack.grpc`: beside one that a bare gRPC call waits for.
 */
export const eventsQueueAck: Figure = {
  name: "events.queue.ack",
  description: "time of a unary call that queues one event, 64 in flight",
  async measure(server, isSmoke) {
    const rounds = isSmoke ? 1 : 4;
    const calls = isSmoke ? 640 : 5_000;
    const client = createTallyClient({ url: server.url, token: (await server.newProject()).token });
    const acks: number[] = [];
    const rows: number[] = [];
    const bareAcks: number[] = [];
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      const times = [acks, rows, bareAcks];
      if (round === 1) for (const list of times) list.length = 0;
      await inFlight(calls, IN_FLIGHT, async (i) => {
        const startedAt = performance.now();
        const payload = { case: "json" as const, value: eventJson(round * calls + i) };
        await client.events.ingestEvent({ event: { payload }, mode: EventMode.QUEUE });
        acks.push(performance.now() - startedAt);
      });
      await measureSingleRows(server.databaseUrl, calls, IN_FLIGHT, "new", rows);
      await measureBareCalls(server.databaseUrl, calls, bareAcks);
    }
    client.close();
    const called = `${rounds} × ${calls} calls, ${IN_FLIGHT} in flight`;
    const bare = `a single-row commit over ${IN_FLIGHT} connections`;
    return [0.5, 0.99].flatMap((q): Measurement[] => {
      const value = quantile(acks, q);
      return [
        {
          name: `events.queue.ack.p${q * 100}`,
          value,
          unit: "ms",
          limit: quantile(rows, q),
          conditions: `${called}; limit: ${bare}`,
        },
        {
          name: `events.queue.ack.grpc.p${q * 100}`,
          value,
          unit: "ms",
          limit: quantile(bareAcks, q),
          conditions: `${called}; limit: a call of bare grpc-js that waits for ${bare}`,
        },
      ];
    });
  },
};

/** Calls of a server that commits a row each; what each took, in milliseconds, goes into `latencies`. */
async function measureBareCalls(
  databaseUrl: string,
  calls: number,
  latencies: number[],
): Promise<void> {
  const server = await startBareServer("committing-server", [databaseUrl, String(IN_FLIGHT)]);
  const caller = openBareCaller(`127.0.0.1:${server.port}`, "/bare.Service/Call");
  const metadata = new Metadata();
  await inFlight(calls, IN_FLIGHT, async (i) => {
    const startedAt = performance.now();
    const answer = await caller.call(Buffer.from(eventJson(i)), metadata);
    if (!Buffer.isBuffer(answer)) throw answer;
    latencies.push(performance.now() - startedAt);
  });
  caller.close();
  await server.stop();
}
