/** Events by streams, processed before the answer or queued; and how fast the inbox is worked off. */
import { EventMode } from "../../gen/tally/v1/event_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { Pool } from "../../src/db/pool.js";
import { createLogger } from "../../src/log.js";
import { startProcessWorkers } from "../../src/process-workers.js";
import { eventJson } from "../events.js";
import { type Figure, secondsOf } from "../figure.js";
import { measureRawCopy } from "../limits/raw-events.js";
import type { BenchServer } from "../server.js";
import { untilEmpty } from "../until-empty.js";

const STREAMS = 2;
const EVENTS_PER_BATCH = 2_000;
/** As a server has by default. */
const WORKERS = 2;

/** `events.wait.stream`, `events.queue.stream` and `events.queue.drain`. */
export const eventsStream: Figure = {
  name: "events.wait.stream",
  description:
    "events a second through 2 streams, judged, committed and counted; queued; worked off",
  // What is queued waits until it is worked off here.
  env: { TALLY_WORK_CONCURRENCY: "0" },
  async measure(server, isSmoke) {
    const rounds = isSmoke ? 1 : 3;
    const total = isSmoke ? 20_000 : 100_000;
    // The last events are folded after ten seconds, which a smoke run does not wait for.
    const folded = async () => (isSmoke ? undefined : untilEmpty(db, "event_fold_queue"));
    const seconds = { wait: 0, queue: 0, copy: 0, drain: 0 };
    await using db = new Connection({ url: server.databaseUrl, prepare: false });
    await using pool = new Pool({ url: server.databaseUrl, prepare: true, size: WORKERS });
    for (let round = 0; round < rounds; round++) {
      const { projectId, token } = await server.newProject();
      await send(server, token, EventMode.WAIT, total + round, 10_000);
      await folded();
      seconds.wait += await secondsOf(() => send(server, token, EventMode.WAIT, 0, total));
      seconds.copy += total / (await measureRawCopy(server.databaseUrl, projectId, total));
      const queueing = await server.newProject();
      await folded();
      seconds.queue += await secondsOf(() =>
        send(server, queueing.token, EventMode.QUEUE, 0, total),
      );
      seconds.drain += await secondsOf(async () => {
        await using _workers = startProcessWorkers({
          db: pool,
          directUrl: server.databaseUrl,
          workers: WORKERS,
          log: createLogger("warn"),
          onOutcome() {},
        });
        await untilEmpty(db, "inbox");
      });
    }
    const sent = `${rounds} × ${total} events, ${STREAMS} streams, ${EVENTS_PER_BATCH} a batch`;
    const unit = "events/s";
    const rate = (work: keyof typeof seconds) => (total * rounds) / seconds[work];
    const limit = rate("copy");
    return [
      {
        name: "events.wait.stream",
        value: rate("wait"),
        unit,
        limit,
        conditions: `${sent}; limit: COPY of the raw rows by 2 connections`,
      },
      {
        name: "events.queue.stream",
        value: rate("queue"),
        unit,
        limit,
        conditions: `${sent}, worked off later; limit: COPY of the raw rows by 2 connections`,
      },
      {
        name: "events.queue.drain",
        value: rate("drain"),
        unit,
        limit: rate("wait"),
        conditions: `${rounds} × ${total} events that wait, ${WORKERS} workers; limit: events.wait.stream`,
      },
    ];
  },
};

/** Sends events `from` to `from + total` - 1 in equal shares. */
async function send(
  server: BenchServer,
  token: string,
  mode: EventMode,
  from: number,
  total: number,
): Promise<void> {
  const client = createTallyClient({ url: server.url, token });
  const share = Math.floor(total / STREAMS);
  const answers = await Promise.all(
    Array.from({ length: STREAMS }, (_, stream) =>
      client.events.ingestEvents(frames(mode, from + stream * share, share)),
    ),
  );
  client.close();
  const stored = answers.reduce(
    (sum, { processedCount, queuedCount }) => sum + Number(processedCount + queuedCount),
    0,
  );
  if (stored !== share * STREAMS) throw new Error(`${stored} of ${total} events were stored`);
}

async function* frames(mode: EventMode, from: number, count: number) {
  yield { frame: { case: "open" as const, value: { mode } } };
  for (let done = 0; done < count; done += EVENTS_PER_BATCH) {
    const events = Array.from({ length: Math.min(EVENTS_PER_BATCH, count - done) }, (_, i) => ({
      payload: { case: "json" as const, value: eventJson(from + done + i) },
    }));
    yield { frame: { case: "batch" as const, value: { events } } };
  }
  yield {
    frame: { case: "finish" as const, value: { expectedEventCount: BigInt(count) } },
  };
}
