import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { dropEventLedger, dropEvents, forgetEvents } from "../../src/db/dropped-events.js";
import { listEvents } from "../../src/db/event-lists.js";
import type { Queryable } from "../../src/db/queryable.js";
import { readRetainedEvents } from "../../src/db/retained-events.js";
import { projectsWithOldEvents } from "../../src/db/retention-work.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { planOf as planOn } from "./plans.js";

const PROJECTS = 20;
const EVENTS = 100_000;
/** Of each project: a third was dropped long ago, a third is due, a third is young. */
const DUE = EVENTS / PROJECTS / 3;

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await db.run(`
    INSERT INTO organizations (organization_id, name) VALUES ('org', 'org');
    INSERT INTO projects (project_id, organization_key, name, event_retention_days)
    SELECT 'p' || i, organization_key, 'p' || i, i % 2 * 30 FROM organizations, generate_series(1, ${PROJECTS}) AS i;
    INSERT INTO events (
      project_key, event_id, state, received_at, dropped_at, occurred_at, amount, batch_key,
      normalizer_version, client, metric, raw
    )
    SELECT
      1 + i % ${PROJECTS}, decode(md5(i::text), 'hex'), CASE age WHEN 2 THEN 4 ELSE 2 END,
      now() - age * interval '40 days' - i * interval '1 second',
      CASE age WHEN 2 THEN now() - interval '20 days' - i * interval '1 second' END, now(), 1, i, 1,
      CASE age WHEN 2 THEN '' ELSE 'site-' || i % 100 END, CASE age WHEN 2 THEN '' ELSE 'view' END, '{}'
    FROM generate_series(1, ${EVENTS}) AS i CROSS JOIN LATERAL (SELECT i / ${PROJECTS} % 3 AS age) AS a;
    INSERT INTO event_batches (
      project_key, batch_key, client, created_at, token_id, processed_count, queued_count, duplicate_count,
      conflict_count, rejected_count
    )
    SELECT project_key, batch_key, client, received_at, 't', 1, 0, 0, 0, 0 FROM events WHERE state = 2;
    INSERT INTO processing_log (project_key, event_id, step, detail, actor)
    SELECT project_key, event_id, 4, '', '' FROM events;`);
  await db.run("VACUUM ANALYZE");
}, 120_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** The plan of the one statement that `act` sends. */
const planOf = (act: (from: Queryable) => Promise<unknown>) => planOn(db, act);

it("finds the projects with a few steps of an index for each", async () => {
  const plan = await planOf((from) => projectsWithOldEvents(from, 90, "0", 1_000));
  expect(plan.indexes).toEqual(
    expect.arrayContaining(["event_batches_by_time", "events_by_time", "events_dropped"]),
  );
  expect(plan.sequential.filter((table) => table !== "projects")).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(4 * PROJECTS);
  const found = await projectsWithOldEvents(db, 90, "0", 1_000);
  expect(found).toHaveLength(PROJECTS / 2);
  const [first = "", second = ""] = found;
  expect(await projectsWithOldEvents(db, 90, first, 1)).toEqual([second]);
  // Those that drop nothing may have something to forget.
  expect(await projectsWithOldEvents(db, 10, "0", 1_000)).toHaveLength(PROJECTS);
});

it("drops by the time of receipt, without looking at what was dropped before", async () => {
  // The plan's run drops as well: 100 each.
  const plan = await planOf((from) => dropEvents(from, "2", 100));
  expect(plan.indexes).toEqual(
    expect.arrayContaining(["events_by_time", "events_pkey", "processing_log_by_event"]),
  );
  expect(plan.sequential.filter((table) => table !== "projects")).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(4 * 100 + 2 * PROJECTS);
});

it("drops rows of the ledger by their time", async () => {
  const plan = await planOf((from) => dropEventLedger(from, "2", 100));
  expect(plan.indexes).toContain("event_batches_by_time");
  expect(plan.sequential.filter((table) => table !== "projects")).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(2 * 100 + 2 * PROJECTS);
});

it("forgets by the time of the drop", async () => {
  const plan = await planOf((from) => forgetEvents(from, "4", 10, 100));
  expect(plan.indexes).toEqual(expect.arrayContaining(["events_dropped", "events_pkey"]));
  expect(plan.sequential).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(3 * 100);
});

it("counts for the report by the indexes", async () => {
  const plan = await planOf((from) => readRetainedEvents(from, "8", EVENTS, Infinity));
  expect(plan.indexes).toEqual(expect.arrayContaining(["events_by_time", "events_dropped"]));
  expect(plan.sequential.filter((table) => table === "events")).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(3 * DUE + 10 + PROJECTS);
});

it("does not look at dropped events for the last page of a list", async () => {
  const filter = {
    client: "",
    metric: "",
    state: 0,
    occurredStartUs: null,
    occurredEndUs: null,
    receivedStartUs: null,
    receivedEndUs: (Date.now() - 35 * 86_400_000) * 1000,
    hasWarnings: null,
  };
  const page = { after: null, limit: 10_000, maxBytes: 1e9, maxExamined: 10_000 };
  const plan = await planOf((from) => listEvents(from, "6", filter, page, Infinity));
  expect(plan.indexes).toEqual(["events_by_time"]);
  expect(plan.scanned).toBeLessThanOrEqual(DUE + 1);
});
