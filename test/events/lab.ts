/** A writer of events over a database of its own, and what is stored there. */
import { randomBytes } from "node:crypto";
import { Connection } from "../../src/db/client.js";
import { EVENT_STATES } from "../../src/db/event-rows.js";
import type { Queryable } from "../../src/db/queryable.js";
import type { EventItem, EventJob, EventPart, ItemOutcome } from "../../src/events/event-job.js";
import { eventStore } from "../../src/events/event-store.js";
import { ingestEvents } from "../../src/events/ingest-events.js";
import type { IncomingEvent } from "../../src/events/judged-event.js";
import { createWriter, type Writer } from "../../src/group-commit/writer.js";
import { createTestDatabase } from "../support/database.js";

/** 63 random bits in decimal. */
export const drawKey = () => (randomBytes(8).readBigUInt64BE() >> 1n).toString();

export interface EventLab extends AsyncDisposable {
  readonly url: string;
  readonly db: Connection;
  readonly writer: Writer<EventJob, EventPart>;
  /** Statements that were sent to store events, by what they do. */
  readonly sent: string[];
  newProject(keptBytes?: number): Promise<string>;
  /** Sends events through the whole pipeline, under LENIENT. */
  ingest(
    projectKey: string,
    events: readonly (string | IncomingEvent)[],
    options?: { readonly queued?: boolean; readonly failingAttempts?: number },
  ): ReturnType<typeof ingestEvents>;
  /** What became of the items, in order. */
  write(projectKey: string, rows: readonly EventItem[]): Promise<ItemOutcome[]>;
}

export interface EventLabOptions {
  readonly lanes?: number;
  /** Wraps a lane. */
  readonly through?: (lane: Queryable) => Queryable;
}

/** A lab with a database and a writer. */
export async function openEventLab(options: EventLabOptions = {}): Promise<EventLab> {
  const { lanes = 2, through = (lane) => lane } = options;
  const database = await createTestDatabase();
  const db = new Connection({ url: database.url, prepare: false });
  const sent: string[] = [];
  const connections = Array.from(
    { length: lanes },
    () => new Connection({ url: database.url, prepare: true }),
  );
  const counted = connections.map(
    (connection): Queryable => ({
      query(text, params, queryOptions) {
        sent.push(
          text.includes("probed AS") ? "probe" : text.includes("kept AS") ? "keep" : "insert",
        );
        return connection.query(text, params, queryOptions);
      },
    }),
  );
  const writer = createWriter<EventJob, EventPart>({
    store: eventStore,
    lanes: counted.map(through),
    drawKey,
    random: () => 0,
    now: Date.now,
    hooks: { queued() {}, lanes() {}, committed() {}, retried() {} },
  });
  const retry = () => ({ deadlineAt: Date.now() + 30_000, random: () => 0 });
  return {
    url: database.url,
    db,
    writer,
    sent,
    async newProject(keptBytes = 0) {
      const [row] = await db.query<{ project_key: string }>(
        `WITH org AS (
          INSERT INTO organizations (organization_id, name) VALUES ($1, $1) RETURNING organization_key
        )
        INSERT INTO projects (project_id, organization_key, name, kept_refusal_bytes)
        SELECT $1, organization_key, $1, $2::bigint FROM org RETURNING project_key`,
        [`p${randomBytes(8).toString("hex")}`, keptBytes],
      );
      return row?.project_key ?? "";
    },
    ingest(projectKey, events, { queued = false, failingAttempts = 0 } = {}) {
      const target = {
        projectKey,
        tokenId: "t",
        policy: "lenient" as const,
        queued,
        failingAttempts,
        rates: null,
      };
      const incoming = events.map((event) =>
        typeof event === "string" ? { payload: Buffer.from(event), idempotencyKey: "" } : event,
      );
      return ingestEvents({ db, writer, now: Date.now }, target, incoming, 0, retry());
    },
    async write(projectKey, rows) {
      const parts = await writer.write({
        projectKey,
        rows,
        tokenId: "t",
        state: EVENT_STATES.processed,
        failingAttempts: 0,
        deadlineAt: Date.now() + 30_000,
      });
      return [...parts].sort((a, b) => a.from - b.from).flatMap((part) => part.outcomes);
    },
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]();
      for (const connection of connections) await connection[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** An event of a client, each number another one. */
export const view = (client: string, n: number) =>
  `{"site_id":"${client}","event_type":"page_view","path":"/${n % 10}","user":"u${n % 7}","ts":${1_700_000_000 + n}}`;
