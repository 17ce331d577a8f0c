import { afterAll, beforeAll, expect, it } from "vitest";
import { EventState } from "../../../gen/tally/v1/event_pb.js";
import { EventPolicy } from "../../../gen/tally/v1/tenancy_pb.js";
import type { TallyClient } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
let client: TallyClient;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  client = server.client(server.allToken);
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const send = async (event: object) => {
  const value = Buffer.from(JSON.stringify(event));
  const sent = await client.events.ingestEvent({ event: { payload: { case: "json", value } } });
  return sent.event?.eventId ?? "";
};
const stats = async (site: string, date = "") => {
  const { totalViews, uniqueUsers, topPaths } = await client.events.getEventStats({
    client: site,
    date,
  });
  return [totalViews, uniqueUsers, topPaths.map(({ path, views }) => `${path} ${views}`)];
};
const view = (site: string, path: string, user: string) => ({
  site_id: site,
  event_type: "page_view",
  path,
  user_id: user,
  ts: 1_700_000_000,
});

it("gives events the values that today's rules read, and moves them in the figures", async () => {
  const id = await send(view("right", "/a", "u1"));
  await send(view("right", "/b", "u1"));
  // As if older rules had read another client, path and user.
  await db.run("UPDATE event_fold_queue SET client = 'wrong' WHERE client = 'right'");
  await db.run("DELETE FROM event_fold_queue WHERE client = 'wrong'");
  await db.run("DELETE FROM event_days; DELETE FROM event_users; DELETE FROM event_paths");
  await db.run(
    `UPDATE events
    SET client = 'wrong', path = '/old', user_id = NULL, amount = 7, normalizer_version = 0
    WHERE client = 'right' AND path = '/a'`,
  );
  await db.run(
    `INSERT INTO event_fold_queue (project_key, client, metric, batch_key, weight, days, paths, users)
    SELECT
      project_key, client, metric, batch_key, 1, ARRAY[(occurred_at AT TIME ZONE 'UTC')::date],
      ARRAY[path], ARRAY[COALESCE(user_id, '')]
    FROM events WHERE client IN ('right', 'wrong')`,
  );
  expect(await stats("wrong")).toEqual([1n, 0n, ["/old 1"]]);
  expect(await stats("right")).toEqual([1n, 1n, ["/b 1"]]);

  const judged = await client.events.reprocessEvents({ validateOnly: true });
  expect(judged).toMatchObject({ examinedCount: 2n, changedCount: 1n, refusedCount: 0n });
  expect(judged.events).toMatchObject([
    { eventId: id, changedFields: ["client", "amount", "path", "user_id"] },
  ]);
  expect(await stats("wrong")).toEqual([1n, 0n, ["/old 1"]]);

  expect(await client.events.reprocessEvents({})).toMatchObject({ changedCount: 1n });
  expect(await stats("wrong")).toEqual([0n, 0n, []]);
  expect(await stats("right")).toEqual([2n, 1n, ["/a 1", "/b 1"]]);
  const { event } = await client.events.getEvent({ eventId: id });
  expect(event).toMatchObject({
    eventId: id,
    state: EventState.PROCESSED,
    client: "right",
    path: "/a",
    userId: "u1",
    amount: "1",
    normalizerVersion: 1,
  });
  const [change] = event?.log.filter(({ detail }) => detail !== "") ?? [];
  expect(JSON.parse(change?.detail ?? "")).toEqual({
    client: "wrong",
    amount: "7",
    path: "/old",
    user_id: null,
  });
  // Again, nothing changes.
  expect(await client.events.reprocessEvents({})).toMatchObject({
    examinedCount: 2n,
    changedCount: 0n,
  });
});

it("leaves what today's rules refuse as it is, and says why", async () => {
  const { projectId } = server;
  const setPolicy = (eventPolicy: EventPolicy) =>
    server.client().tenancy.updateProject({
      project: { projectId, settings: { eventPolicy } },
      updateMask: { paths: ["settings.event_policy"] },
    });
  await setPolicy(EventPolicy.LENIENT);
  const id = await send({ source: "loose", amount: 1 });
  await setPolicy(EventPolicy.STRICT);
  const answer = await client.events.reprocessEvents({ filter: { client: "loose" } });
  expect(answer).toMatchObject({ examinedCount: 1n, changedCount: 0n, refusedCount: 1n });
  expect(answer.events[0]?.fieldViolations.map(({ field }) => field)).toEqual([
    "metric",
    "occurred_at",
  ]);
  expect((await client.events.getEvent({ eventId: id })).event?.state).toBe(EventState.PROCESSED);
});
