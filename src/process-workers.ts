/** The workers of a process that process queued events, with the times that hold in production. */
import { INBOX_CHANNEL } from "./db/inbox.js";
import { createListener } from "./db/listener.js";
import type { Queryable } from "./db/queryable.js";
import type { InboxOptions } from "./events/inbox.js";
import { drawKey } from "./ingest/draw-key.js";
import { startInboxWorkers } from "./jobs/work-inbox.js";
import type { Logger } from "./log.js";

export interface ProcessWorkersOptions {
  readonly db: Queryable;
  /** Of the database past a pooler, for LISTEN. */
  readonly directUrl: string;
  readonly workers: number;
  readonly log: Logger;
  readonly onOutcome: InboxOptions["onOutcome"];
}

/** Until when a worker that died keeps others from its events. */
const LEASE_MS = 30_000;
/** Wait after the first failed attempt at an event. */
const FIRST_RETRY_MS = 1_000;
/** How soon a worker looks by itself. */
const POLL_MS = 1_000;
/** How long queued events gather: nobody waits for them. */
const REST_MS = 100;

/** Runs the workers until the answer is disposed, which waits for statements under way. */
export function startProcessWorkers(options: ProcessWorkersOptions): AsyncDisposable {
  const { directUrl, ...shared } = options;
  return startInboxWorkers({
    ...shared,
    drawKey,
    random: Math.random,
    actor: "inbox",
    leaseMs: LEASE_MS,
    firstWaitMs: FIRST_RETRY_MS,
    pollMs: POLL_MS,
    restMs: REST_MS,
    listener: (onNotify) => createListener(directUrl, INBOX_CHANNEL, onNotify),
  });
}
