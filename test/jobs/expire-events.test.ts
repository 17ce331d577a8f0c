import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventMode, EventOutcome, EventState } from "../../gen/tally/v1/event_pb.js";
import type { IngestEventsRequestSchema } from "../../gen/tally/v1/event_service_pb.js";
import type { TallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { dropEvents } from "../../src/db/dropped-events.js";
import { expireEvents } from "../../src/jobs/expire-events.js";
import { purgeDeleted } from "../../src/jobs/purge-deleted.js";
import { createLogger } from "../../src/log.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { createProject } from "./project.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer({
    env: { TALLY_WORK_CONCURRENCY: "0" },
    withoutJobs: true,
  });
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const log = createLogger("silent");
const expire = () => expireEvents({ db, log }).runOnce();

/** A project that keeps its events for so many days. */
const newProject = (eventRetentionDays: number) =>
  createProject(server, db, { eventRetentionDays });

const view = (path: string, more: object = {}) => ({
  site_id: "site-1",
  event_type: "page_view",
  path,
  user_id: "private user",
  ts: 1_700_000_000,
  secret_field: "private attribute",
  ...more,
});
async function send(client: TallyClient, event: object, idempotencyKey = "", mode?: EventMode) {
  const value = Buffer.from(JSON.stringify(event));
  const sent = await client.events.ingestEvent({
    event: { payload: { case: "json", value }, idempotencyKey },
    ...(mode === undefined ? {} : { mode }),
  });
  if (sent.event === undefined) throw new Error("no answer");
  return sent.event;
}

/** All of a project's events, and what goes with them, were received so many days earlier. */
async function age(projectKey: string, days: number): Promise<void> {
  const earlier = (column: string) => `${column} = ${column} - ${days} * interval '1 day'`;
  await db.run(`
    UPDATE events SET ${earlier("received_at")}, ${earlier("dropped_at")} WHERE project_key = ${projectKey};
    UPDATE event_batches SET ${earlier("created_at")} WHERE project_key = ${projectKey};
    UPDATE processing_log SET ${earlier("created_at")} WHERE project_key = ${projectKey}`);
}

async function figures(client: TallyClient) {
  const { totalViews, uniqueUsers, topPaths } = await client.events.getEventStats({
    client: "site-1",
  });
  return { totalViews, uniqueUsers, topPaths: topPaths.map(({ path, views }) => [path, views]) };
}

describe("events that are older than their project keeps them", () => {
  it("lose their content and leave every list, while figures stay as they were", async () => {
    const project = await newProject(30);
    const { client, projectKey } = project;
    const plain = await send(client, view("/private/a"));
    await send(client, view("/private/b"), "private key");
    await db.query(
      `INSERT INTO processing_log (project_key, event_id, step, detail, actor)
      SELECT project_key, event_id, 4, 'private detail', 'a' FROM events WHERE project_key = $1`,
      [projectKey],
    );
    const before = await figures(client);
    expect(before).toMatchObject({ totalViews: 2n, uniqueUsers: 1n });
    await age(projectKey, 31);
    const young = await send(client, view("/young"));
    await expire();

    expect(await figures(client)).toEqual({
      ...before,
      totalViews: 3n,
      topPaths: [...before.topPaths, ["/young", 1n]],
    });
    for (const filter of [
      {},
      { client: "site-1" },
      { hasWarnings: true },
      { state: EventState.PROCESSED },
    ]) {
      const { events } = await client.events.listEvents({ filter });
      expect(events.map(({ eventId }) => eventId)).toEqual([young.eventId]);
    }
    const unwarned = await client.events.listEvents({ filter: { hasWarnings: false } });
    expect(unwarned.events).toEqual([]);
    const { rows } = await client.events.aggregateEvents({});
    expect(rows.map((row) => row.count)).toEqual([1n]);
    const { examinedCount } = await client.events.reprocessEvents({ validateOnly: true });
    expect(examinedCount).toBe(1n);

    const { event } = await client.events.getEvent({ eventId: plain.eventId });
    expect(event).toMatchObject({
      eventId: plain.eventId,
      state: EventState.DROPPED,
      client: "",
      amount: "",
      log: [],
    });
    expect(event?.raw).toHaveLength(0);
    const stored = await db.query<{ text: string }>(
      "SELECT events::text AS text FROM events WHERE project_key = $1 AND state = 4",
      [projectKey],
    );
    expect(stored).toHaveLength(2);
    for (const { text } of stored) expect(text).not.toMatch(/private|site-1|page_view/);
    expect(await project.count("processing_log")).toBe(0);
    // The ledger has the young one alone.
    expect(await project.count("event_batches")).toBe(1);
  });

  it("are duplicates when they are sent again, and a key still tells a conflict", async () => {
    const project = await newProject(1);
    const { client, projectKey } = project;
    const plain = await send(client, view("/a"));
    const keyed = await send(client, view("/b"), "key");
    await age(projectKey, 2);
    const [first] = await db.query<{ us: string }>(
      `SELECT (EXTRACT(epoch FROM min(received_at)) * 1000000)::bigint AS us
      FROM events WHERE project_key = $1`,
      [projectKey],
    );
    await expire();
    const before = await figures(client);
    const again = await send(client, view("/a"));
    expect(again).toMatchObject({
      eventId: plain.eventId,
      outcome: EventOutcome.DUPLICATE,
      duplicate: true,
      firstOutcome: EventOutcome.PROCESSED,
    });
    const { seconds = 0n, nanos = 0 } = again.firstTime ?? {};
    expect(seconds * 1_000_000n + BigInt(nanos / 1000)).toBe(BigInt(first?.us ?? 0));
    // What its attributes were is not known any more.
    expect(again.warnings.map(({ code }) => code)).not.toContain("ATTRIBUTES_DIFFER");
    expect(await send(client, view("/b"), "key")).toMatchObject({
      eventId: keyed.eventId,
      outcome: EventOutcome.DUPLICATE,
    });
    await expect(send(client, view("/other"), "key")).resolves.toMatchObject({
      outcome: EventOutcome.CONFLICT,
    });
    expect(await send(client, view("/a"), "", EventMode.QUEUE)).toMatchObject({
      outcome: EventOutcome.DUPLICATE,
    });
    expect(await figures(client)).toEqual(before);
  });

  it("are forgotten 90 days after they were dropped, and count anew then", async () => {
    const project = await newProject(1);
    const { client, projectId, projectKey } = project;
    const sent = await send(client, view("/a"));
    await age(projectKey, 2);
    await expire();
    // What was dropped is forgotten in its time, whatever the project says by then.
    await server.client().tenancy.updateProject({
      project: { projectId, settings: { eventRetentionDays: 0 } },
      updateMask: { paths: ["settings.event_retention_days"] },
    });
    await age(projectKey, 90);
    await expire();
    expect(await send(client, view("/a"))).toMatchObject({ outcome: EventOutcome.DUPLICATE });
    await age(projectKey, 1);
    await expire();
    await expect(client.events.getEvent({ eventId: sent.eventId })).rejects.toThrow("[not_found]");
    expect(await send(client, view("/a"))).toMatchObject({ outcome: EventOutcome.PROCESSED });
    expect((await figures(client)).totalViews).toBe(2n);
  });

  it("leave by whole UTC days, the last moment of one before the first of the next", async () => {
    const project = await newProject(7);
    const { client, projectKey } = project;
    const [last, first] = [await send(client, view("/last")), await send(client, view("/first"))];
    const receivedAt = (eventId: string, time: string) =>
      db.query(
        `UPDATE events SET received_at = ${time}
        WHERE project_key = $1 AND event_id = decode(substr($2, 5), 'hex')`,
        [projectKey, eventId],
      );
    const midnight = "((now() AT TIME ZONE 'UTC')::date - 7)::timestamp AT TIME ZONE 'UTC'";
    await receivedAt(first.eventId, midnight);
    await receivedAt(last.eventId, `${midnight} - interval '1 microsecond'`);
    await expire();
    const { events } = await client.events.listEvents({});
    expect(events.map(({ eventId }) => eventId)).toEqual([first.eventId]);
  });

  it("stay while they are queued, and leave once they are processed", async () => {
    const project = await newProject(1);
    const { client, projectKey } = project;
    const { eventId } = await send(client, view("/queued"), "", EventMode.QUEUE);
    await age(projectKey, 9);
    await expire();
    const { event } = await client.events.getEvent({ eventId });
    expect(event).toMatchObject({ state: EventState.QUEUED, path: "/queued" });
    await db.query(
      "UPDATE events SET state = 2, processed_at = now() WHERE project_key = $1 AND state = 1",
      [projectKey],
    );
    await db.query("DELETE FROM inbox WHERE project_key = $1", [projectKey]);
    await expire();
    const dropped = await client.events.getEvent({ eventId });
    expect(dropped.event?.state).toBe(EventState.DROPPED);
  });

  it("leave without a trace with their project", async () => {
    const project = await newProject(1);
    const { client, projectId, projectKey } = project;
    await send(client, view("/a"));
    await age(projectKey, 2);
    await expire();
    expect(await project.count("events", "state = 4")).toBe(1);
    await server.client().tenancy.deleteProject({ projectId });
    await purgeDeleted({ db, log, now: Date.now, random: Math.random }).runOnce();
    expect(await project.count("events")).toBe(0);
  });

  it("stay for ever where the project says so, and where it says nothing", async () => {
    const project = await newProject(0);
    const { client, projectKey } = project;
    await send(client, view("/a"));
    await age(projectKey, 30_000);
    await expire();
    expect((await client.events.listEvents({})).events).toHaveLength(1);
    expect(await project.count("event_batches")).toBe(1);
  });
});

describe("the job", () => {
  const paths = (n: number) => Array.from({ length: n }, (_, i) => view(`/${i}`));
  async function sendAll(client: TallyClient, events: readonly object[]) {
    async function* frames(): AsyncGenerator<MessageInitShape<typeof IngestEventsRequestSchema>> {
      yield { frame: { case: "open", value: {} } };
      const inputs = events.map((event) => ({
        payload: { case: "json" as const, value: Buffer.from(JSON.stringify(event)) },
      }));
      yield { frame: { case: "batch", value: { events: inputs } } };
      yield { frame: { case: "finish", value: {} } };
    }
    return client.events.ingestEvents(frames());
  }

  it("of several servers counts nothing twice while everything is sent again", async () => {
    const project = await newProject(1);
    const { client, projectKey } = project;
    const events = paths(1_500);
    await sendAll(client, events);
    await age(projectKey, 2);
    const before = await figures(client);
    await using other = new Connection({ url: server.databaseUrl, prepare: true });
    const answers = await Promise.all([
      sendAll(client, events),
      expire(),
      sendAll(client, [...events].reverse()),
      expireEvents({ db: other, log }).runOnce(),
      sendAll(client, events),
    ]);
    for (const answer of answers) {
      if (answer === undefined) continue;
      expect(answer).toMatchObject({ processedCount: 0n, duplicateCount: 1_500n });
    }
    expect(await project.count("events")).toBe(1_500);
    await expire();
    expect(await project.count("events", "state = 4")).toBe(1_500);
    expect(await figures(client)).toEqual(before);
  });

  it("goes on where another one was killed", async () => {
    const project = await newProject(1);
    const { client, projectKey } = project;
    await sendAll(client, paths(50));
    await age(projectKey, 2);
    expect(await dropEvents(db, projectKey, 20)).toBe(20);
    await expire();
    expect(await project.count("events", "state = 4")).toBe(50);
    expect(await dropEvents(db, projectKey, 20)).toBe(0);
  });

  it("leaves what another statement holds to its next round", async () => {
    const project = await newProject(1);
    const { client, projectKey } = project;
    await sendAll(client, paths(3));
    await age(projectKey, 2);
    await using holder = new Connection({ url: server.databaseUrl, prepare: false });
    await holder.run(
      `BEGIN; SELECT FROM events WHERE project_key = ${projectKey} AND path = '/1' FOR UPDATE`,
    );
    await expire();
    expect(await project.count("events", "state = 4")).toBe(2);
    await holder.run("COMMIT");
    await expire();
    expect(await project.count("events", "state = 4")).toBe(3);
  });
});
