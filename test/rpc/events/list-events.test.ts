import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventState } from "../../../gen/tally/v1/event_pb.js";
import type { EventFilterSchema } from "../../../gen/tally/v1/event_service_pb.js";
import { formatEventId } from "../../../src/events/event-id.js";
import { limits } from "../../../src/limits.js";
import { anEvent, type StoredEvent } from "../../db/event-rows.js";
import { at, EventLab } from "./support.js";

let lab: EventLab;
beforeAll(async () => {
  lab = await EventLab.start();
  await lab.store(events);
  await lab.store([anEvent({ client: "foreign" })], "2");
});
afterAll(() => lab[Symbol.asyncDispose]());

const HOUR = (i: number) => String(i % 24).padStart(2, "0");
/** Of three clients and two metrics; several are received in the same microsecond. */
const events: StoredEvent[] = Array.from({ length: 60 }, (_, i) =>
  anEvent({
    client: `site-${i % 3}`,
    metric: i % 2 === 0 ? "page_view" : "revenue",
    occurredAt: `2025-11-${10 + Math.floor(i / 24)}T${HOUR(i)}:00:00Z`,
    receivedAt: `2025-11-13T00:00:00.00000${Math.floor(i / 10)}Z`,
    state: i % 5 === 0 ? 1 : 2,
    warnings: i % 4 === 0 ? '[{"field":"a","description":"b"}]' : null,
  }),
);
const newestFirst = [...events].sort(
  (a, b) =>
    (a.receivedAt < b.receivedAt ? 1 : a.receivedAt > b.receivedAt ? -1 : 0) ||
    Buffer.compare(b.eventId, a.eventId),
);
const idsOf = (list: readonly StoredEvent[]) => list.map(({ eventId }) => formatEventId(eventId));

type Filter = MessageInitShape<typeof EventFilterSchema>;
/** All pages of a filter. */
async function pages(filter: Filter, pageSize: number): Promise<string[][]> {
  const found: string[][] = [];
  let pageToken = "";
  do {
    const page = await lab.call("listEvents", { filter, pageSize, pageToken });
    found.push(page.events.map(({ eventId }) => eventId));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

const filters: [string, Filter, (event: StoredEvent) => boolean][] = [
  ["nothing", {}, () => true],
  ["client", { client: "site-1" }, ({ client }) => client === "site-1"],
  ["metric", { metric: "revenue" }, ({ metric }) => metric === "revenue"],
  ["queued", { state: EventState.QUEUED }, ({ state }) => state === 1],
  ["processed", { state: EventState.PROCESSED }, ({ state }) => state === 2],
  ["with warnings", { hasWarnings: true }, ({ warnings }) => warnings !== null],
  ["without warnings", { hasWarnings: false }, ({ warnings }) => warnings === null],
  [
    "occurred",
    { occurredStartTime: at("2025-11-10T05:00:00Z"), occurredEndTime: at("2025-11-11T05:00:00Z") },
    ({ occurredAt }) => occurredAt >= "2025-11-10T05" && occurredAt < "2025-11-11T05",
  ],
  [
    "received",
    {
      receivedStartTime: { ...at("2025-11-13T00:00:00Z"), nanos: 2000 },
      receivedEndTime: { ...at("2025-11-13T00:00:00Z"), nanos: 4000 },
    },
    ({ receivedAt }) =>
      receivedAt >= "2025-11-13T00:00:00.000002Z" && receivedAt < "2025-11-13T00:00:00.000004Z",
  ],
  [
    "client and state",
    { client: "site-1", state: EventState.QUEUED },
    ({ client, state }) => client === "site-1" && state === 1,
  ],
  [
    "all at once",
    {
      client: "site-0",
      metric: "page_view",
      state: EventState.PROCESSED,
      hasWarnings: true,
      occurredStartTime: at("2025-11-10T00:00:00Z"),
      receivedStartTime: at("2025-11-13T00:00:00Z"),
    },
    (e) =>
      e.client === "site-0" && e.metric === "page_view" && e.state === 2 && e.warnings !== null,
  ],
  ["a client that sent nothing", { client: "foreign" }, () => false],
];

describe("ListEvents", () => {
  it.each(filters)(
    "lists those that match %s, newest received first",
    async (_, filter, matches) => {
      const expected = idsOf(newestFirst.filter(matches));
      expect(expected.length > 0 || filter.client === "foreign").toBe(true);
      expect((await pages(filter, 1000)).flat()).toEqual(expected);
      const each = await pages(filter, 7);
      expect(each.flat()).toEqual(expected);
      expect(each.every((page) => page.length <= 7)).toBe(true);
    },
  );

  it("shows no raw bytes and no log", async () => {
    const { events: listed } = await lab.call("listEvents", { pageSize: 1 });
    expect(listed).toMatchObject([{ raw: new Uint8Array(), log: [], normalizerVersion: 1 }]);
  });

  it("ends a page at 2 MiB of texts, and loses none", { timeout: 60_000 }, async () => {
    const attributes = JSON.stringify({ a: "x".repeat(limits.eventPageBytes / 4) });
    const large = Array.from({ length: 12 }, () => anEvent({ client: "large", attributes }));
    await lab.store(large, "3");
    let pageToken = "";
    const sizes: number[] = [];
    do {
      const page = await lab.call("listEvents", { pageToken }, "3");
      sizes.push(page.events.length);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(Math.max(...sizes)).toBe(4);
    expect(sizes.reduce((a, b) => a + b)).toBe(12);
  });

  it("takes a token for its own filter and project alone", async () => {
    const { nextPageToken: pageToken } = await lab.call("listEvents", { pageSize: 1 });
    const filter = { client: "site-1" };
    expect((await lab.refusal("listEvents", { filter, pageToken })).fields).toEqual(["page_token"]);
    expect((await lab.refusal("listEvents", { pageToken }, "2")).fields).toEqual(["page_token"]);
  });

  it("sees no event of another project", async () => {
    expect((await lab.call("listEvents", {}, "2")).events).toMatchObject([{ client: "foreign" }]);
    expect((await lab.call("listEvents", {}, "4")).events).toEqual([]);
  });

  it.each<[string, Filter]>([
    ["filter.state", { state: EventState.REJECTED }],
    ["filter.state", { state: 9 as EventState }],
    ["filter.client", { client: "\0" }],
    ["filter.metric", { metric: "\udc00" }],
    ["filter.client", { client: "x".repeat(limits.nameBytes + 1) }],
    ["filter.occurred_start_time", { occurredStartTime: { seconds: -1n } }],
    ["filter.received_end_time", { receivedEndTime: { seconds: 2n ** 40n } }],
  ])("refuses a bad %s", async (field, filter) => {
    expect((await lab.refusal("listEvents", { filter })).fields).toEqual([field]);
  });

  it("refuses a negative page size", async () => {
    expect((await lab.refusal("listEvents", { pageSize: -1 })).fields).toEqual(["page_size"]);
  });
});
