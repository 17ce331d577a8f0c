/** How fast the figures of events are folded, and answered. */
import { Connection } from "../../src/db/client.js";
import { readEventStats } from "../../src/db/event-stats.js";
import { foldEvents } from "../../src/jobs/fold-events.js";
import type { Job } from "../../src/jobs/job.js";
import { createLogger } from "../../src/log.js";
import { type Figure, type Measurement, quantile, secondsOf } from "../figure.js";
import { type EventSpread, fillEvents } from "../limits/fill-events.js";

const SPREAD: EventSpread = { clients: 500, usersPerClient: 2_000, pathsPerClient: 200, days: 14 };
/** Projects draw their keys from 1. */
const PROJECT = "9000000000000000003";
/** Of both sizes, those that are not folded when it is measured: the job leaves small groups. */
const UNFOLDED = 25_000;

/**
 * `events.stats`: p99 of reading the figures of a client, of a day or of all time, with five million events and
 * with a tenth of them; `events.fold`: events a second that one fold job takes into the figures.
 */
export const eventsStats: Figure = {
  name: "events.stats",
  description:
    "p99 of a client's event stats with 5 million events, and how fast events are folded",
  async measure(server, isSmoke) {
    const sizes = isSmoke ? [2_000, 20_000] : [500_000, 5_000_000];
    const calls = isSmoke ? 50 : 5_000;
    await using connection = new Connection({ url: server.databaseUrl, prepare: true });
    const log = createLogger("warn");
    const job = foldEvents({ db: connection, log, now: Date.now, random: Math.random });
    const times: number[][] = [];
    let foldSeconds = 0;
    let stored = 0;
    for (const size of sizes) {
      const unfolded = isSmoke ? 500 : UNFOLDED;
      await fillEvents(connection, PROJECT, stored, size - unfolded - stored, SPREAD);
      foldSeconds += await foldAll(connection, job);
      await fillEvents(connection, PROJECT, size - unfolded, unfolded, SPREAD);
      await job.runOnce();
      stored = size;
      await connection.run(
        "VACUUM ANALYZE events, event_fold_queue, event_days, event_users, event_paths",
      );
      await readStats(connection, calls / 10);
      times.push(await readStats(connection, calls));
    }
    return measurements(sizes, times, stored / foldSeconds);
  },
};

function measurements(
  sizes: readonly number[],
  times: readonly (readonly number[])[],
  foldedPerSecond: number,
): Measurement[] {
  const [few = [], many = []] = times;
  const [fewer = 0, more = 0] = sizes;
  const { clients, usersPerClient, pathsPerClient } = SPREAD;
  const of = `${clients} clients with ${usersPerClient} users and ${pathsPerClient} paths each`;
  return [
    {
      name: "events.stats",
      value: quantile(many, 0.99),
      unit: "ms",
      limit: quantile(few, 0.99),
      conditions: `${many.length} reads of the database, one after the other, ${more} events of ${of}, some ${UNFOLDED / clients} of each not folded; limit: the same with ${fewer}; medians ${quantile(many, 0.5).toFixed(1)} and ${quantile(few, 0.5).toFixed(1)} ms`,
    },
    {
      name: "events.fold",
      value: foldedPerSecond,
      unit: "events/s",
      limit: null,
      conditions: `${more} events of ${of}, one job`,
    },
  ];
}

/** Seconds until nothing waits to be folded. */
function foldAll(connection: Connection, job: Job): Promise<number> {
  return secondsOf(async () => {
    for (;;) {
      await job.runOnce();
      const [row] = await connection.query<{ waits: boolean }>(
        "SELECT EXISTS (SELECT FROM event_fold_queue) AS waits",
      );
      if (row?.waits !== true) return;
    }
  });
}

/** How long each read took, in milliseconds: of a day and of all time in turns. */
async function readStats(connection: Connection, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const group = {
      client: `site-${Math.floor(Math.random() * SPREAD.clients)}`,
      metric: "page_view",
    };
    const day = i % 2 === 0 ? null : `2025-11-${String(1 + (i % SPREAD.days)).padStart(2, "0")}`;
    const seconds = await secondsOf(() =>
      readEventStats(connection, PROJECT, group, day, 10, Infinity),
    );
    times.push(seconds * 1000);
  }
  return times;
}
