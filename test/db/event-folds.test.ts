import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { foldEvents, unfoldedGroups } from "../../src/db/event-folds.js";
import { type EventStats, readEventStats } from "../../src/db/event-stats.js";
import { projectsWithUnfoldedEvents } from "../../src/db/work.js";
import { foldEvents as foldJob } from "../../src/jobs/fold-events.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { anEvent, rereadEvent, type StoredEvent, storeEvents } from "./event-rows.js";
import { failureOf, pidOf, until } from "./support.js";

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const TABLES =
  "events, event_fold_queue, event_batches, inbox, event_days, event_users, event_paths";
beforeEach(() => db.run(`TRUNCATE ${TABLES}`));

const SITE = { client: "site-1", metric: "page_view" };
const stats = (day: string | null, top = 100, projectKey = "1", group = SITE) =>
  readEventStats(db, projectKey, group, day, top, Infinity);
const foldAll = () =>
  foldJob({ db, log: createLogger("silent"), now: Date.now, random: Math.random }).runOnce();
const queueLength = async () => {
  const [row] = await db.query<{ n: number }>("SELECT count(*)::int AS n FROM event_fold_queue");
  return row?.n;
};

/** The figures by counting the events. */
async function counted(day: string | null, top = 100): Promise<EventStats> {
  const where = `project_key = 1 AND client = 'site-1' AND metric = 'page_view' AND state = 2
    AND ($1::text IS NULL OR (occurred_at AT TIME ZONE 'UTC')::date = $1::text::date)`;
  const [row] = await db.query<{ views: number; users: number }>(
    `SELECT count(*)::int AS views, count(DISTINCT user_id)::int AS users FROM events WHERE ${where}`,
    [day],
  );
  const topPaths = await db.query<{ path: string; views: number }>(
    `SELECT path, count(*)::int AS views FROM events WHERE ${where} AND path IS NOT NULL
    GROUP BY path ORDER BY views DESC, path LIMIT $2`,
    [day, top],
  );
  return { views: row?.views ?? 0, users: row?.users ?? 0, topPaths };
}

const DAYS = ["2025-11-11", "2025-11-12", "2025-11-13"];
async function expectExact(): Promise<void> {
  for (const day of [...DAYS, null]) {
    expect(await stats(day), `of ${day}`).toEqual(await counted(day));
    expect(await stats(day, 3), `of ${day}, the first 3`).toEqual(await counted(day, 3));
  }
}

/** Of a generator that a seed starts: a failure can be run again. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
const facts = (random: (below: number) => number) => ({
  occurredAt: `${DAYS[random(3)]}T${random(2) === 0 ? "00:00:00" : "23:59:59.999999"}Z`,
  path: random(5) === 0 ? null : `/${random(8)}`,
  userId: random(5) === 0 ? null : `user-${random(12)}`,
});

describe("figures of events", () => {
  it("equal a recount after every step, whatever was stored, read anew or folded before", async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = randomOf(seed);
    const stored: StoredEvent[] = [];
    for (let round = 0; round < 40; round++) {
      const what = random(4);
      if (what < 2 || stored.length === 0) {
        const events = Array.from({ length: 1 + random(20) }, () => anEvent(facts(random)));
        stored.push(...events);
        await storeEvents(db, "1", events);
      } else if (what === 2) {
        const { eventId } = stored[random(stored.length)] ?? anEvent();
        await rereadEvent(db, "1", eventId, facts(random));
      } else {
        await foldEvents(db, "1", [SITE], 1 + random(40));
      }
      await expectExact().catch((error: Error) => {
        throw new Error(`seed ${seed}, round ${round}`, { cause: error });
      });
    }
    await foldAll();
    expect(await queueLength()).toBe(0);
    await expectExact();
  });

  it("lose a user and a path with their last event, and win them back", async () => {
    const event = anEvent({ userId: "only", path: "/only" });
    await storeEvents(db, "1", [event]);
    for (const fold of [false, true]) {
      if (fold) await foldAll();
      await rereadEvent(db, "1", event.eventId, { ...event, userId: null, path: null });
      expect(await stats(null)).toEqual({ views: 1, users: 0, topPaths: [] });
      if (fold) await foldAll();
      expect(await stats(null)).toEqual({ views: 1, users: 0, topPaths: [] });
      await rereadEvent(db, "1", event.eventId, event);
      expect(await stats(null)).toEqual({
        views: 1,
        users: 1,
        topPaths: [{ path: "/only", views: 1 }],
      });
    }
  });

  it("hold when what takes an event away is folded before the event", async () => {
    const event = anEvent({ userId: "a", path: "/a" });
    await storeEvents(db, "1", [event]);
    await rereadEvent(db, "1", event.eventId, { ...event, userId: "b", path: "/b" });
    const expected = { views: 1, users: 1, topPaths: [{ path: "/b", views: 1 }] };
    await using other = new Connection({ url: database.url, prepare: false });
    // Whoever holds the row of the first statement keeps it from being folded.
    await other.run(
      "BEGIN; SELECT 1 FROM event_fold_queue WHERE weight = 1 AND users = ARRAY['a'] FOR UPDATE",
    );
    await foldAll();
    expect(await queueLength()).toBe(1);
    expect(await stats(null)).toEqual(expected);
    expect(await stats("2025-11-12")).toEqual(expected);
    await other.run("COMMIT");
    await foldAll();
    expect(await queueLength()).toBe(0);
    expect(await stats(null)).toEqual(expected);
    expect(await stats("2025-11-12")).toEqual(expected);
  });

  it("list a path that only the queue lifts among the best, and drop the one it passes", async () => {
    const views = (path: string, count: number) =>
      Array.from({ length: count }, () => anEvent({ path }));
    await storeEvents(db, "1", [...views("/a", 5), ...views("/b", 4), ...views("/c", 3)]);
    await foldAll();
    await storeEvents(db, "1", views("/c", 3));
    expect((await stats(null, 2)).topPaths).toEqual([
      { path: "/c", views: 6 },
      { path: "/a", views: 5 },
    ]);
  });

  it("drop a path from the best that the queue takes views from", async () => {
    const views = (path: string, count: number) =>
      Array.from({ length: count }, () => anEvent({ path }));
    const fallen = views("/a", 5);
    await storeEvents(db, "1", [...fallen, ...views("/b", 4), ...views("/c", 3)]);
    await foldAll();
    for (const event of fallen.slice(0, 3)) {
      await rereadEvent(db, "1", event.eventId, { ...event, path: null });
    }
    expect((await stats(null, 2)).topPaths).toEqual([
      { path: "/b", views: 4 },
      { path: "/c", views: 3 },
    ]);
  });

  it("are zero for what nobody sent, and see no other project, client or metric", async () => {
    await storeEvents(db, "2", [anEvent()]);
    await storeEvents(db, "1", [anEvent({ client: "site-2" }), anEvent({ metric: "revenue" })]);
    const none = { views: 0, users: 0, topPaths: [] };
    expect(await stats(null)).toEqual(none);
    await foldAll();
    expect(await stats(null)).toEqual(none);
    expect(await stats(null, 10, "2")).toMatchObject({ views: 1, users: 1 });
    expect(await stats("2025-11-13", 10, "2")).toEqual(none);
  });

  it("leave out events that wait to be processed", async () => {
    await storeEvents(db, "1", [anEvent({ state: 1 })]);
    expect(await stats(null)).toMatchObject({ views: 0 });
  });
});

describe("folding", () => {
  it("is exact with several at once, while more is stored and read", {
    timeout: 60_000,
  }, async () => {
    const random = randomOf(7);
    const groups = [SITE, { client: "site-2", metric: "page_view" }];
    const stored: StoredEvent[] = [];
    const store = async (connection: Connection) => {
      for (let i = 0; i < 30; i++) {
        const events = Array.from({ length: 30 }, () =>
          anEvent({ ...facts(random), client: `site-${1 + random(2)}` }),
        );
        stored.push(...events);
        await storeEvents(connection, "1", events);
        const { eventId } = stored[random(stored.length - 30)] ?? anEvent();
        await rereadEvent(connection, "1", eventId, facts(random));
      }
    };
    let storing = true;
    const fold = async (connection: Connection, order: typeof groups) => {
      while (storing) await foldEvents(connection, "1", order, 50);
    };
    const connections = Array.from(
      { length: 4 },
      () => new Connection({ url: database.url, prepare: true }),
    );
    try {
      const [writer, ...folders] = connections;
      if (writer === undefined) throw new Error("there is no connection");
      const folding = folders.map((each, i) => fold(each, i === 0 ? groups : groups.toReversed()));
      await store(writer).finally(() => {
        storing = false;
      });
      await Promise.all(folding);
    } finally {
      for (const each of connections) await each[Symbol.asyncDispose]();
    }
    await expectExact();
    await foldAll();
    await expectExact();
  });

  it("changes no answer while it goes on", async () => {
    const random = randomOf(11);
    for (let i = 0; i < 40; i++) {
      await storeEvents(
        db,
        "1",
        Array.from({ length: 20 }, () => anEvent(facts(random))),
      );
    }
    const expected = { ever: await counted(null), day: await counted("2025-11-12") };
    await using folder = new Connection({ url: database.url, prepare: true });
    let folding = true;
    const folded = (async () => {
      while (await foldEvents(folder, "1", [SITE], 20));
    })().finally(() => {
      folding = false;
    });
    let reads = 0;
    while (folding) {
      expect({ ever: await stats(null), day: await stats("2025-11-12") }).toEqual(expected);
      reads++;
    }
    await folded;
    expect(reads).toBeGreaterThan(1);
    expect(await queueLength()).toBe(0);
  });

  it("is whole or not at all when its backend is killed", async () => {
    await storeEvents(
      db,
      "1",
      Array.from({ length: 50 }, () => anEvent(facts(randomOf(3)))),
    );
    await foldAll();
    await storeEvents(db, "1", [anEvent(facts(randomOf(3))), anEvent(facts(randomOf(4)))]);
    await using folder = new Connection({ url: database.url, prepare: false });
    await using blocker = new Connection({ url: database.url, prepare: false });
    const pid = await pidOf(folder);
    // It gets as far as the days: behind the queue and the users.
    await blocker.run("BEGIN; SELECT 1 FROM event_days FOR UPDATE");
    const folding = failureOf(foldEvents(folder, "1", [SITE], 100));
    await until(async () => {
      const waits = "SELECT 1 FROM pg_locks WHERE pid = $1 AND NOT granted";
      return (await db.query(waits, [pid])).length > 0;
    });
    await db.query("SELECT pg_terminate_backend($1)", [pid]);
    expect((await folding).kind).toBe("transient");
    await blocker.run("COMMIT");
    expect(await queueLength()).toBe(1);
    await expectExact();
    await foldAll();
    expect(await queueLength()).toBe(0);
    await expectExact();
  });

  it("takes no more than it is told, but one row at least, and says whether it left any", async () => {
    for (let i = 0; i < 3; i++)
      await storeEvents(
        db,
        "1",
        [1, 2, 3].map(() => anEvent()),
      );
    expect(await foldEvents(db, "1", [SITE], 1)).toBe(true);
    expect(await queueLength()).toBe(2);
    expect(await foldEvents(db, "1", [SITE], 6)).toBe(false);
    expect(await queueLength()).toBe(0);
    expect(await foldEvents(db, "1", [SITE], 6)).toBe(false);
  });

  it("finds what has enough to be folded, the most first", async () => {
    await storeEvents(
      db,
      "3",
      [1, 2, 3].map(() => anEvent()),
    );
    await storeEvents(db, "3", [anEvent({ client: "small" })]);
    await storeEvents(db, "1", [anEvent()]);
    expect(await projectsWithUnfoldedEvents(db, "0", 10)).toEqual(["1", "3"]);
    expect(await projectsWithUnfoldedEvents(db, "0", 1)).toEqual(["1"]);
    expect(await projectsWithUnfoldedEvents(db, "1", 10)).toEqual(["3"]);
    const names = async (min: number, limit: number) =>
      (await unfoldedGroups(db, "3", min, limit)).map(({ client }) => client);
    expect(await names(0, 10)).toEqual(["site-1", "small"]);
    expect(await names(0, 1)).toEqual(["site-1"]);
    expect(await names(3, 10)).toEqual(["site-1"]);
    expect(await names(4, 10)).toEqual([]);
  });

  it("lets small groups wait for more, and folds them in time", async () => {
    const job = foldJob({ db, log: createLogger("silent"), now: Date.now, random: Math.random });
    await job.runOnce();
    await storeEvents(db, "1", [anEvent()]);
    await job.runOnce();
    expect(await queueLength()).toBe(1);
    await storeEvents(
      db,
      "1",
      Array.from({ length: 249 }, () => anEvent()),
    );
    await job.runOnce();
    expect(await queueLength()).toBe(0);
    await storeEvents(db, "1", [anEvent()]);
    for (let round = 0; round < 20; round++) await job.runOnce();
    expect(await queueLength()).toBe(0);
  });
});
