import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { leaseEvents, processLeased } from "../../src/db/inbox.js";
import { type InboxOptions, workInbox } from "../../src/events/inbox.js";
import { drawKey } from "../../src/ingest/draw-key.js";
import { startTestServer, type TestServer } from "../support/server.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer({ env: { TALLY_WORK_CONCURRENCY: "0" } });
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it("takes over the events of a worker that died when its lease ends, and lets it process none after all", async () => {
  const body = '{"source":"a","type":"view","timestamp":1700000000}';
  const response = await fetch(`${server.url}/v1/events?mode=queue`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.allToken}` },
    body,
  });
  expect(response.status).toBe(202);
  const [project] = await db.query<{ key: string }>("SELECT project_key AS key FROM inbox");
  const projectKey = project?.key ?? "";
  const outcomes: string[] = [];
  const options: InboxOptions = {
    db,
    drawKey,
    random: Math.random,
    onOutcome: (outcome) => outcomes.push(outcome),
    actor: "test",
    leaseMs: 60_000,
    firstWaitMs: 1,
  };
  const lost = drawKey();
  const leased = await leaseEvents(db, projectKey, lost, { limit: 10, leaseMs: 60_000 });
  expect(leased).toHaveLength(1);
  expect(await workInbox(options, projectKey)).toBe(0);

  await db.run("UPDATE inbox SET run_at = now()");
  const again = drawKey();
  const bounds = { limit: 10, leaseMs: 1 };
  expect(await leaseEvents(db, projectKey, again, bounds)).toMatchObject([{ attempts: 2 }]);
  const ids = leased.map(({ eventId }) => eventId);
  expect(await processLeased(db, projectKey, lost, ids, drawKey())).toBe(0);
  await expect.poll(() => workInbox(options, projectKey)).toBe(1);
  expect(outcomes).toEqual(["processed"]);
  expect(await processLeased(db, projectKey, again, ids, drawKey())).toBe(0);
});
