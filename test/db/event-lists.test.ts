import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { aggregateEvents } from "../../src/db/event-aggregates.js";
import type { EventFilter, EventKey } from "../../src/db/event-conditions.js";
import { listEvents } from "../../src/db/event-lists.js";
import { readEvent, readRefusedEvent } from "../../src/db/event-reads.js";
import { readEventStats } from "../../src/db/event-stats.js";
import { readIngestState } from "../../src/db/ingest-stats.js";
import type { Queryable } from "../../src/db/queryable.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { plansOf } from "./plans.js";

const EVENTS = 200_000;
const EVENTS_PER_STATEMENT = 20_000;
const CLIENTS = 500;

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  for (let from = 1; from <= EVENTS; from += EVENTS_PER_STATEMENT) await db.run(fillEvents(from));
  for (const statement of FILL_REST.split(";\n")) await db.run(statement);
  await db.run("VACUUM ANALYZE");
}, 120_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** Events of two projects, from one number on. */
const fillEvents = (from: number) => `
  INSERT INTO events (
    project_key, event_id, state, received_at, occurred_at, amount, batch_key, content_hash,
    normalizer_version, client, metric, path, user_id, raw, warnings
  )
  SELECT
    1 + i % 2, decode(md5(i::text), 'hex'), CASE WHEN i % 1000 = 0 THEN 1 ELSE 2 END,
    timestamptz '2025-11-01 00:00:00Z' + i / 10 * interval '1 second',
    timestamptz '2025-10-01 00:00:00Z' + i % 100000 * interval '10 seconds', i % 100, i / 100,
    decode(md5(i::text), 'hex'), 1, 'site-' || i % ${CLIENTS},
    CASE WHEN i % 20000 = 2 THEN 'rare' ELSE 'page_view' END, '/path/' || i % 200, 'user-' || i % 3000,
    '{}', CASE WHEN i % 7 = 0 THEN '[]' END
  FROM generate_series(${from}, ${from} + ${EVENTS_PER_STATEMENT} - 1) AS i`;

/** What goes with them, a statement each. */
const FILL_REST = `
  INSERT INTO inbox (project_key, event_id) SELECT project_key, event_id FROM events WHERE state = 1;
  INSERT INTO event_batches (
    project_key, batch_key, client, created_at, token_id, processed_count, queued_count, duplicate_count,
    conflict_count, rejected_count
  )
  SELECT project_key, batch_key, client, max(received_at), 't', count(*), 0, 0, 0, 0
  FROM events GROUP BY project_key, batch_key, client;
  INSERT INTO batches (
    project_key, run_key, batch_key, part_id, token_id, created_at, late, accepted_count, duplicate_count,
    foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
    skipped_count, precluded_count, duration_us
  )
  SELECT
    1 + i % 2, i, i, '', 't', timestamptz '2025-11-01 00:00:00Z' + i * interval '1 second', false, 1, 0, 0, 0, 0,
    1, 0, 0, 0, 0, 0
  FROM generate_series(1, 20000) AS i;
  INSERT INTO rejections (
    project_key, rejection_id, kind, reason, state, violations, violations_truncated, run_id, part,
    item_index, result_id, client, batch_key, bytes, closed_at
  )
  SELECT
    1 + i % 2, decode(md5(i::text), 'hex'), 3, 1, 1 + i % 2, '[]', false, '', '', 0, 'evt_' || md5(i::text), 'c',
    1, '', CASE WHEN i % 2 = 1 THEN now() END
  FROM generate_series(1, 20000) AS i;
  INSERT INTO event_users SELECT DISTINCT project_key, client, metric, occurred_at::date, user_id, 1 FROM events;
  INSERT INTO event_days
  SELECT project_key, client, metric, occurred_at::date, count(*), 1 FROM events GROUP BY 1, 2, 3, 4;
  INSERT INTO event_paths
  SELECT project_key, client, metric, '-infinity', path || user_id, count(*) FROM events GROUP BY 1, 2, 3, 5;
  INSERT INTO event_paths SELECT 1, 'big', 'page_view', '-infinity', '/' || i, i FROM generate_series(1, 50000) AS i;
  INSERT INTO event_fold_queue
  SELECT
    project_key, client, metric, batch_key, 1, array_agg(occurred_at::date), array_agg(path), array_agg(user_id)
  FROM events WHERE batch_key < 100 GROUP BY 1, 2, 3, 4`;

const ANY: EventFilter = {
  client: "",
  metric: "",
  state: 0,
  occurredStartUs: null,
  occurredEndUs: null,
  receivedStartUs: null,
  receivedEndUs: null,
  hasWarnings: null,
};
const us = (time: string) => Date.parse(time) * 1000;
const EXAMINED = 10_000;
const list = (
  from: Queryable,
  filter: Partial<EventFilter>,
  after: EventKey | null = null,
  maxExamined = EXAMINED,
) =>
  listEvents(
    from,
    "1",
    { ...ANY, ...filter },
    { after, limit: 50, maxBytes: 1e9, maxExamined },
    Infinity,
  );
/** The plan of the statement that reads the page: the last one. */
const planOfList = async (filter: Partial<EventFilter>, after: EventKey | null = null) => {
  const plan = (await plansOf(db, (from) => list(from, filter, after))).at(-1);
  if (plan === undefined) throw new Error("nothing was read");
  return plan;
};
/** A place with 19 of 20 events behind it. */
const DEEP = { receiveUs: us("2025-11-01T00:16:40Z"), eventId: "00".repeat(16) };

describe("a list", () => {
  it.each<[string, Partial<EventFilter>, string[], number]>([
    ["nothing", {}, ["events_by_time"], 51],
    ["a common metric", { metric: "page_view" }, ["events_by_time"], 120],
    ["warnings", { hasWarnings: true }, ["events_by_time"], 1_000],
    ["no warnings", { hasWarnings: false }, ["events_by_time"], 120],
    ["state PROCESSED", { state: 2 }, ["events_by_time"], 120],
    ["state QUEUED", { state: 1 }, ["events_pkey", "inbox_pkey"], 1_000],
    [
      "a window of receipt",
      { receivedStartUs: us("2025-11-01T01:00:00Z"), receivedEndUs: us("2025-11-01T01:00:05Z") },
      ["events_by_time"],
      51,
    ],
    ["a rare metric", { metric: "rare" }, ["events_by_time"], 2 * EXAMINED + 51],
    ["a metric of nobody", { metric: "none" }, ["events_by_time"], 2 * EXAMINED + 51],
    ["a window of occurrence", { occurredEndUs: 0 }, ["events_by_time"], 2 * EXAMINED + 51],
  ])(
    "by %s reads its index, and no more of it deep in the list",
    async (_, filter, indexes, rows) => {
      for (const after of [null, DEEP]) {
        const plan = await planOfList(filter, after);
        expect(plan.sequential.filter((table) => table === "events")).toEqual([]);
        expect(indexes).toEqual(expect.arrayContaining(plan.indexes));
        expect(plan.scanned).toBeLessThanOrEqual(rows);
      }
    },
  );

  it("by client reads what the client sent, and what waits", async () => {
    for (const filter of [{ client: "site-4" }, { client: "nobody" }]) {
      const plan = await planOfList(filter);
      expect(plan.sequential).not.toContain("events");
      expect(plan.indexes).toContain("events_by_client");
      expect(plan.indexes).not.toContain("events_by_time");
      // 400 of the client, and 200 that wait, each once in the inbox and once in its table.
      expect(plan.scanned).toBeLessThanOrEqual(400 + 2 * 200);
    }
  });

  it("by a client with more than may be gathered looks in the order of receipt", async () => {
    const plans = await plansOf(db, (from) => list(from, { client: "site-6" }, null, 300));
    expect(plans[0]?.scanned).toBeLessThanOrEqual(2 * 301);
    expect(plans[1]?.indexes).toEqual(["events_by_time"]);
    expect(plans[1]?.scanned).toBeLessThanOrEqual(2 * 300 + 51);
  });

  it.each<[string, Partial<EventFilter>]>([
    ["a rare metric", { metric: "rare" }],
    ["a client", { client: "site-6" }],
    ["warnings", { hasWarnings: true, client: "site-8" }],
  ])("finds all of %s over pages that stop early", async (_, filter) => {
    const found: string[] = [];
    let pages = 0;
    let after: EventKey | null = null;
    do {
      const page: Awaited<ReturnType<typeof list>> = await list(db, filter, after, 300);
      found.push(...page.events.map(({ eventId }) => Buffer.from(eventId).toString("hex")));
      after = page.next;
      pages++;
    } while (after !== null);
    const conditions = [
      ...(filter.client === undefined ? [] : [`client = '${filter.client}'`]),
      ...(filter.metric === undefined ? [] : [`metric = '${filter.metric}'`]),
      ...(filter.hasWarnings === undefined ? [] : ["warnings IS NOT NULL"]),
    ];
    const expected = await db.query<{ id: string }>(
      `SELECT encode(event_id, 'hex') AS id FROM events
      WHERE project_key = 1 AND ${conditions.join(" AND ")} ORDER BY received_at DESC, event_id DESC`,
    );
    expect(found).toEqual(expected.map(({ id }) => id));
    expect(found.length).toBeGreaterThan(0);
    expect(pages).toBeGreaterThan(1);
  });
});

describe("other reads", () => {
  it("aggregate from the index alone", async () => {
    const filter = { client: "site-6", metric: "page_view", startUs: null, endUs: null };
    const groups = { client: false, metric: false, period: "day" } as const;
    const [plan] = await plansOf(db, (from) =>
      aggregateEvents(from, "1", filter, groups, 10, Infinity),
    );
    expect(plan?.indexes).toEqual(["events_by_client"]);
    expect(plan?.scanned).toBeLessThanOrEqual(400);
    const window = { ...filter, startUs: us("2025-10-05T00:00Z"), endUs: us("2025-10-06T00:00Z") };
    const [day] = await plansOf(db, (from) =>
      aggregateEvents(from, "1", window, groups, 10, Infinity),
    );
    expect(day?.indexes).toEqual(["events_by_client"]);
    expect(day?.scanned).toBeLessThanOrEqual(40);
  });

  it("answer the stats of a client from the keys", async () => {
    const stats = (client: string, day: string | null) =>
      plansOf(db, (from) =>
        readEventStats(from, "1", { client, metric: "page_view" }, day, 10, Infinity),
      );
    for (const day of ["2025-10-05", null]) {
      const [plan] = await stats("site-6", day);
      expect(plan?.sequential).toEqual([]);
      // Some ten queued rows of the client, and two look-ups each.
      expect(plan?.scanned).toBeLessThan(200);
    }
    const [plan] = await stats("big", null);
    expect(plan?.indexes).toContain("event_paths_top");
    expect(plan?.scanned).toBeLessThan(20);
  });

  it("find an event by its key, and a refused one by its id", async () => {
    const id = Buffer.from("c4ca4238a0b923820dcc509a6f75849b", "hex");
    const [stored] = await plansOf(db, (from) => readEvent(from, "2", id, Infinity));
    expect(stored?.indexes).toContain("events_pkey");
    expect(stored?.indexes).toContain("event_batches_pkey");
    expect(stored?.scanned).toBeLessThan(100);
    const [refused] = await plansOf(db, (from) =>
      readRefusedEvent(from, "2", id, `evt_${id.toString("hex")}`, Infinity),
    );
    expect(refused?.indexes).toContain("rejections_by_event");
    expect(refused?.scanned).toBeLessThan(100);
  });

  it("count what was sent within a window from the ledgers by time", async () => {
    const window = {
      startUs: us("2025-11-01T00:10:00Z"),
      endUs: us("2025-11-01T00:11:00Z"),
      maxDays: 366,
    };
    const [plan] = await plansOf(db, (from) => readIngestState(from, "1", window, 1000, Infinity));
    expect(plan?.indexes).toContain("batches_by_time");
    expect(plan?.indexes).toContain("event_batches_by_time");
    expect(plan?.sequential).not.toContain("event_batches");
  });

  it("read no ledger for a window that is too long", async () => {
    const window = { startUs: 0, endUs: us("2030-01-01T00:00Z"), maxDays: 366 };
    const [plan] = await plansOf(db, (from) => readIngestState(from, "1", window, 1000, Infinity));
    // Rejections and the inbox alone.
    expect(plan?.scanned).toBeLessThanOrEqual(20_000 + 200);
  });
});
