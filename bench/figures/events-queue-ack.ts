/** How long the acknowledgement of a queued event takes. */
import { EventMode } from "../../gen/tally/v1/event_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import { eventJson } from "../events.js";
import { type Figure, inFlight, quantile } from "../figure.js";
import { measureSingleRows } from "../limits/single-rows.js";

const IN_FLIGHT = 64;

/** `events.queue.ack`: half of the acknowledgements, and 99 of 100. */
export const eventsQueueAck: Figure = {
  name: "events.queue.ack",
  description: "time of a unary call that queues one event, 64 in flight",
  async measure(server, isSmoke) {
    const calls = isSmoke ? 640 : 20_000;
    const client = createTallyClient({ url: server.url, token: (await server.newProject()).token });
    const latencies: number[] = [];
    const call = async (i: number) => {
      const startedAt = performance.now();
      const event = { payload: { case: "json" as const, value: eventJson(i) } };
      await client.events.ingestEvent({ event, mode: EventMode.QUEUE });
      latencies.push(performance.now() - startedAt);
    };
    await inFlight(calls, IN_FLIGHT, (i) => call(i));
    latencies.length = 0;
    await inFlight(calls, IN_FLIGHT, (i) => call(calls + i));
    client.close();
    const rows: number[] = [];
    await measureSingleRows(server.databaseUrl, calls, IN_FLIGHT, "new", rows);
    return [0.5, 0.99].map((q) => ({
      name: `events.queue.ack.p${q * 100}`,
      value: quantile(latencies, q),
      unit: "ms",
      limit: quantile(rows, q),
      conditions: `${calls} calls, ${IN_FLIGHT} in flight; limit: a single-row commit over ${IN_FLIGHT} connections`,
    }));
  },
};
