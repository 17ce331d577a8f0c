import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { leaseEvents, processDue, processLeased } from "../../src/db/inbox.js";
import { drawKey } from "../events/lab.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { plansOf } from "./plans.js";

const QUEUED = 10_000;
const TAKEN = 500;
/** Looked at once where they wait, once where they are stored, and changed in both. */
const STEPS = 10;

let database: TestDatabase;
let db: Connection;
let project = 1;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await enqueue(project);
  // Of projects that come later the planner believes that they have no events.
  await db.run("VACUUM ANALYZE events, inbox");
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => enqueue(++project));

const enqueue = (projectKey: number) =>
  db.run(`
    WITH stored AS (
      INSERT INTO events (
        project_key, event_id, state, occurred_at, amount, batch_key, normalizer_version, client, metric, raw
      )
      SELECT
        ${projectKey}, decode(md5(i::text), 'hex'), 1, now(), 1, 1, 1, 'site-' || i % 50, 'page_view', '{}'
      FROM generate_series(1, ${QUEUED}) AS i
      RETURNING project_key, event_id
    )
    INSERT INTO inbox (project_key, event_id) SELECT project_key, event_id FROM stored`);

it("finds what it processes by due time, by place and by key, whatever the statistics tell", async () => {
  const plans = plansOf(db, (from) => processDue(from, String(project), TAKEN, drawKey()));
  const [plan] = await plans;
  expect(plan?.sequential).toEqual([]);
  expect(plan?.indexes).toEqual(["events_pkey", "inbox_due"]);
  // To order what is due may take one look at all of it.
  expect(plan?.scanned).toBeLessThan(QUEUED + STEPS * TAKEN);
});

it("finds what it leases, and what it processes of it, in the same way", async () => {
  const projectKey = String(project);
  const leaseKey = drawKey();
  const bounds = { limit: TAKEN, leaseMs: 60_000 };
  const [lease] = await plansOf(db, (from) => leaseEvents(from, projectKey, leaseKey, bounds));
  expect(lease?.sequential).toEqual([]);
  expect(lease?.indexes).toEqual(["inbox_due"]);
  expect(lease?.scanned).toBeLessThan(QUEUED + STEPS * TAKEN);

  const leased = await leaseEvents(db, projectKey, leaseKey, bounds);
  const ids = leased.map(({ eventId }) => eventId);
  const [plan] = await plansOf(db, (from) =>
    processLeased(from, projectKey, leaseKey, ids, drawKey()),
  );
  expect(plan?.sequential).toEqual([]);
  expect(plan?.indexes).toEqual(["events_pkey", "inbox_pkey"]);
  expect(plan?.scanned).toBeLessThan(STEPS * TAKEN);
});
