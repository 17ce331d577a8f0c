/** The figures of the documented site, sent as JSON and asked for over RPC. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { IngestEventsRequestSchema } from "../../../gen/tally/v1/event_service_pb.js";
import type { TallyClient } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { startTestServer, type TestServer } from "../../support/server.js";

type Frame = MessageInitShape<typeof IngestEventsRequestSchema>;

const SITE = "site-abc-123";
const DAY = "2025-11-12";

let server: TestServer;
let client: TallyClient;
beforeAll(async () => {
  server = await startTestServer();
  client = server.client(server.allToken);
  // Each day's views by path, and how many users take turns with them.
  await send(DAY, { "/pricing": 700, "/blog/post-1": 500, "/": 250 }, 212, 0);
  // The other days: the rest of what all time has, by 1,630 other users.
  await send(
    "2025-11-10",
    { "/pricing": 3500, "/": 2850, "/blog": 1500, "/about": 950 },
    1630,
    1000,
  );
});
afterAll(() => server[Symbol.asyncDispose]());

async function send(
  day: string,
  views: Record<string, number>,
  users: number,
  firstUser: number,
): Promise<void> {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  const events: { payload: { case: "json"; value: Uint8Array } }[] = [];
  for (const [path, count] of Object.entries(views)) {
    for (let i = 0; i < count; i++) {
      const n = events.length;
      const event = {
        site_id: SITE,
        event_type: "page_view",
        path,
        user_id: `user-${firstUser + (n % users)}`,
        timestamp: new Date(midnight + n * 1_000).toISOString(),
      };
      events.push({ payload: { case: "json", value: Buffer.from(JSON.stringify(event)) } });
    }
  }
  async function* frames(): AsyncGenerator<Frame> {
    yield { frame: { case: "open" as const, value: {} } };
    for (let at = 0; at < events.length; at += 1_000) {
      yield { frame: { case: "batch" as const, value: { events: events.slice(at, at + 1_000) } } };
    }
    yield { frame: { case: "finish" as const, value: {} } };
  }
  const { processedCount } = await client.events.ingestEvents(frames());
  if (Number(processedCount) !== events.length) throw new Error(`${processedCount} were stored`);
}

const ask = async (date: string, topPathsLimit = 3, site = SITE) => {
  const stats = await client.events.getEventStats({ client: site, date, topPathsLimit });
  const { found, totalViews, uniqueUsers, topPaths } = stats;
  return {
    date: stats.date,
    found,
    views: Number(totalViews),
    users: Number(uniqueUsers),
    paths: topPaths.map(({ path, views }) => [path, Number(views)]),
  };
};

describe.each(["before they are all folded", "after"])("%s", (when) => {
  beforeAll(async () => {
    if (when !== "after") return;
    await using db = new Connection({ url: server.databaseUrl, prepare: false });
    const unfolded = () => db.query("SELECT FROM event_fold_queue LIMIT 1");
    await vi.waitFor(async () => expect(await unfolded()).toEqual([]), { timeout: 20_000 });
  });

  it("are those of the day", async () => {
    expect(await ask(DAY)).toEqual({
      date: DAY,
      found: true,
      views: 1450,
      users: 212,
      paths: [
        ["/pricing", 700],
        ["/blog/post-1", 500],
        ["/", 250],
      ],
    });
  });

  it("are those of all time", async () => {
    expect(await ask("")).toEqual({
      date: "all-time",
      found: true,
      views: 10250,
      users: 1842,
      paths: [
        ["/pricing", 4200],
        ["/", 3100],
        ["/blog", 1500],
      ],
    });
  });

  it("are zeros for a site that nobody knows", async () => {
    const nothing = { date: "all-time", found: false, views: 0, users: 0, paths: [] };
    expect(await ask("", 3, "unknown")).toEqual(nothing);
  });
});

it("fall on their own days at the two sides of midnight UTC", async () => {
  const view = (timestamp: string) => ({
    event: {
      payload: {
        case: "json" as const,
        value: Buffer.from(
          JSON.stringify({ site_id: "midnight", event_type: "page_view", path: "/", timestamp }),
        ),
      },
    },
  });
  await client.events.ingestEvent(view("2025-11-12T23:59:59.999999Z"));
  await client.events.ingestEvent(view("2025-11-13T00:00:00Z"));
  // Half an hour past midnight in Berlin is still the day before.
  await client.events.ingestEvent(view("2025-11-13T00:30:00+01:00"));
  expect((await ask("2025-11-12", 3, "midnight")).views).toBe(2);
  expect((await ask("2025-11-13", 3, "midnight")).views).toBe(1);
});
