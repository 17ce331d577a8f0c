/** What writes in a server: a writer of results and one of events, each with lanes of its own. */
import type { Cleanups } from "./cleanups.js";
import { Connection, type ConnectionOptions } from "./db/client.js";
import type { EventJob, EventPart } from "./events/event-job.js";
import { eventStore } from "./events/event-store.js";
import { createWriter, type Writer } from "./group-commit/writer.js";
import { drawKey } from "./ingest/draw-key.js";
import { createResultWriter, type ResultWriter } from "./ingest/result-writer.js";
import type { Metrics } from "./metrics.js";
import { writerHooks } from "./writer-hooks.js";

export interface Writers {
  readonly results: ResultWriter;
  readonly events: Writer<EventJob, EventPart>;
}

export interface WritersOptions {
  readonly connection: ConnectionOptions;
  /** Of each writer. */
  readonly lanes: number;
  readonly metrics: Metrics;
}

/** The writers, which end with the cleanups. */
export function openWriters(options: WritersOptions, cleanups: Cleanups): Writers {
  const { connection, metrics } = options;
  const openLanes = () => Array.from({ length: options.lanes }, () => new Connection(connection));
  const writing = { drawKey, random: Math.random, now: Date.now };
  const lanes = openLanes();
  const results = cleanups.use(
    createResultWriter({ ...writing, lanes, hooks: writerHooks(metrics, "result") }),
  );
  const eventLanes = openLanes();
  const events = cleanups.use(
    createWriter({
      ...writing,
      lanes: eventLanes,
      store: eventStore,
      hooks: writerHooks(metrics, "event"),
    }),
  );
  // Closed before the writers are: after the drain nobody waits for what is under way.
  for (const lane of [...lanes, ...eventLanes]) cleanups.use(lane);
  return { results, events };
}
