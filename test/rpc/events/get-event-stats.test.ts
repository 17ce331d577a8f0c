import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { anEvent, type StoredEvent } from "../../db/event-rows.js";
import { EventLab } from "./support.js";

let lab: EventLab;
beforeAll(async () => {
  lab = await EventLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());
beforeEach(async () => {
  await lab.db.query(
    "TRUNCATE events, event_fold_queue, event_batches, event_days, event_users, event_paths",
  );
});

const SITE = "site-abc-123";
/** Events of one day: so many of each path, by so many users in turns. */
const views = (day: string, paths: Record<string, number>, users: number): StoredEvent[] => {
  let i = 0;
  return Object.entries(paths).flatMap(([path, count]) =>
    Array.from({ length: count }, () =>
      anEvent({
        client: SITE,
        occurredAt: `${day}T${String(i % 24).padStart(2, "0")}:59:59.999999Z`,
        path,
        userId: `user-${i++ % users}`,
      }),
    ),
  );
};
const stats = async (date: string, topPathsLimit = 0) => {
  const answer = await lab.call("getEventStats", { client: SITE, date, topPathsLimit });
  return {
    date: answer.date,
    found: answer.found,
    views: Number(answer.totalViews),
    users: Number(answer.uniqueUsers),
    paths: answer.topPaths.map(({ path, views }) => [path, Number(views)]),
  };
};

describe("GetEventStats", () => {
  it("answers the documented figures, folded or not", { timeout: 60_000 }, async () => {
    const day = views("2025-11-12", { "/pricing": 700, "/blog/post-1": 500, "/": 250 }, 212);
    const earlier = views("2025-11-10", { "/pricing": 3500, "/": 2850, "/blog": 1500 }, 1842);
    const later = views("2025-11-13", { "/about": 950 }, 100);
    // A tenth of each is folded first, and the rest last.
    const all = [...day, ...earlier, ...later];
    await lab.store(all.filter((_, i) => i % 10 === 0));
    await lab.fold();
    await lab.store(all.filter((_, i) => i % 10 !== 0));
    for (let folded = 0; folded < 2; folded++) {
      expect(await stats("2025-11-12", 3)).toEqual({
        date: "2025-11-12",
        found: true,
        views: 1450,
        users: 212,
        paths: [
          ["/pricing", 700],
          ["/blog/post-1", 500],
          ["/", 250],
        ],
      });
      expect(await stats("", 3)).toEqual({
        date: "all-time",
        found: true,
        views: 10_250,
        users: 1842,
        paths: [
          ["/pricing", 4200],
          ["/", 3100],
          ["/blog", 1500],
        ],
      });
      await lab.fold();
    }
  });

  it("answers zeros for an unknown site", async () => {
    const answer = await lab.call("getEventStats", { client: "nobody" });
    expect(answer).toMatchObject({
      client: "nobody",
      metric: "page_view",
      date: "all-time",
      found: false,
      totalViews: 0n,
      uniqueUsers: 0n,
      topPaths: [],
    });
  });

  it("counts events on the two sides of midnight UTC on their own days", async () => {
    await lab.store([
      anEvent({ client: SITE, occurredAt: "2025-11-12T23:59:59.999999Z" }),
      anEvent({ client: SITE, occurredAt: "2025-11-13T00:00:00Z" }),
      anEvent({ client: SITE, occurredAt: "2025-11-13T00:30:00+01:00" }),
    ]);
    for (let folded = 0; folded < 2; folded++) {
      expect((await stats("2025-11-12")).views).toBe(2);
      expect((await stats("2025-11-13")).views).toBe(1);
      await lab.fold();
    }
  });

  it("counts events without a user or a path as views alone", async () => {
    await lab.store([anEvent({ client: SITE, userId: null, path: null })]);
    await lab.fold();
    expect(await stats("")).toMatchObject({ found: true, views: 1, users: 0, paths: [] });
  });

  it("answers 10 paths, and up to 100 where more are asked for", async () => {
    await lab.store(
      Array.from({ length: 120 }, (_, i) => anEvent({ client: SITE, path: `/${i}` })),
    );
    expect((await stats("")).paths).toHaveLength(10);
    expect((await stats("", 1000)).paths).toHaveLength(100);
  });

  it("sees no event of another project", async () => {
    await lab.store([anEvent({ client: SITE })], "2");
    expect((await stats("")).found).toBe(false);
    await lab.fold();
    expect((await stats("")).found).toBe(false);
    expect(await lab.refusal("getEventStats", { projectId: "prj_2", client: SITE })).toMatchObject({
      reason: "PROJECT_NOT_FOUND",
    });
  });

  it.each([
    { client: "", field: "client" },
    { client: "a\0", field: "client" },
    { client: "a", metric: "\ud800", field: "metric" },
    { client: "a", topPathsLimit: -1, field: "top_paths_limit" },
  ])("refuses $client, $metric and $topPathsLimit by its field", async ({ field, ...request }) => {
    expect(await lab.refusal("getEventStats", request)).toEqual({
      reason: "INVALID_REQUEST",
      fields: [field],
    });
  });

  it.each(["2025-02-30", "2025-13-01", "25-01-01", "0000-01-01", "2025-1-1", "today", " "])(
    "refuses the date %j",
    async (date) => {
      const { fields } = await lab.refusal("getEventStats", { client: "a", date });
      expect(fields).toEqual(["date"]);
    },
  );

  it.each(["2024-02-29", "0001-01-01", "9999-12-31"])("takes the day %s", async (date) => {
    expect(await stats(date)).toMatchObject({ date, found: false });
  });
});
