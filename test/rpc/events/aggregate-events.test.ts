import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AggregateEventsRequestSchema,
  EventGroup,
} from "../../../gen/tally/v1/event_service_pb.js";
import { anEvent } from "../../db/event-rows.js";
import { at, EventLab } from "./support.js";

let lab: EventLab;
beforeAll(async () => {
  lab = await EventLab.start();
  const sale = (amount: string, occurredAt: string, client = "a") =>
    anEvent({ client, metric: "revenue", amount, occurredAt });
  await lab.store([
    sale("0.1", "2025-11-10T00:00:00Z"),
    sale("0.2", "2025-11-10T23:59:59.999999Z"),
    sale("-5.50", "2025-11-12T01:00:00Z"),
    sale("12345678901234567890.123456789012345", "2025-11-12T00:00:00Z", "b"),
    anEvent({ client: "a", metric: "page_view", occurredAt: "2025-11-12T00:30:00Z" }),
    anEvent({ client: "a", metric: "revenue", amount: "1000", state: 1 }),
  ]);
  await lab.store([sale("7", "2025-11-10T00:00:00Z")], "2");
});
afterAll(() => lab[Symbol.asyncDispose]());

type Request = MessageInitShape<typeof AggregateEventsRequestSchema>;
const rowsOf = async (request: Request, projectKey?: string) =>
  (await lab.call("aggregateEvents", request, projectKey)).rows;
/** Period, client, metric, count and sum of each row. */
const brief = async (request: Request) =>
  (await rowsOf(request)).map((row) =>
    [
      ...(row.periodStartTime === undefined
        ? []
        : [timestampDate(row.periodStartTime).toISOString().slice(5, 13)]),
      row.client,
      row.metric,
      row.count,
      row.sum,
    ].join(" "),
  );

describe("AggregateEvents", () => {
  it("adds up exactly", async () => {
    expect(await rowsOf({ client: "a", metric: "revenue" })).toMatchObject([
      {
        client: "",
        metric: "",
        count: 3n,
        sum: "-5.2",
        min: "-5.5",
        max: "0.2",
        avg: "-1.733333333333333",
        p50: "0.1",
        p95: "0.2",
        p99: "0.2",
      },
    ]);
    expect(await rowsOf({ metric: "revenue" })).toMatchObject([
      {
        count: 4n,
        sum: "12345678901234567884.923456789012345",
        avg: "3086419725308641971.230864197253086",
      },
    ]);
  });

  it("divides to 15 digits after the point, however large the amounts are", async () => {
    const amounts = ["100000000000000000000", "0", "0"];
    await lab.store(amounts.map((amount) => anEvent({ client: "thirds", amount })));
    const [row] = await rowsOf({ client: "thirds" });
    expect(row?.avg).toBe(`${"3".repeat(20)}.${"3".repeat(15)}`);
  });

  it("answers one row where there is no event", async () => {
    const [row, ...more] = await rowsOf({ client: "nobody" });
    expect(row).toMatchObject({ count: 0n, sum: "0", min: "", max: "", avg: "", p50: "", p99: "" });
    expect(row?.periodStartTime).toBeUndefined();
    expect(more).toEqual([]);
  });

  it("takes percentiles by rank", async () => {
    await lab.store(
      Array.from({ length: 100 }, (_, i) =>
        anEvent({ client: "ranks", metric: "ms", amount: `${(i * 37) % 100}.5` }),
      ),
    );
    expect(await rowsOf({ client: "ranks" })).toMatchObject([
      { p50: "49.5", p95: "94.5", p99: "98.5" },
    ]);
  });

  it("groups by client and metric", async () => {
    const window = { endTime: at("2025-11-12T02:00:00Z") };
    expect(await brief({ groupBy: [EventGroup.METRIC, EventGroup.CLIENT], ...window })).toEqual([
      "a page_view 1 1",
      "a revenue 3 -5.2",
      "b revenue 1 12345678901234567890.123456789012345",
    ]);
    expect(await brief({ client: "a", groupBy: [EventGroup.CLIENT], ...window })).toEqual([
      "a  4 -4.2",
    ]);
  });

  it("fills days without events with zeros", async () => {
    const request = { client: "a", metric: "revenue", groupBy: [EventGroup.DAY] };
    const days = ["11-10T00   2 0.3", "11-11T00   0 0", "11-12T00   1 -5.5"];
    expect(await brief(request)).toEqual(days);
    const window = {
      startTime: at("2025-11-09T12:00:00Z"),
      endTime: at("2025-11-13T00:00:00.001Z"),
    };
    expect(await brief({ ...request, ...window })).toEqual([
      "11-09T00   0 0",
      ...days,
      "11-13T00   0 0",
    ]);
    expect(await brief({ ...request, client: "nobody", ...window })).toHaveLength(5);
    expect(await brief({ ...request, client: "nobody" })).toEqual([]);
  });

  it("groups by hour and by week", async () => {
    const revenue = { client: "a", metric: "revenue" };
    const hours = await brief({ ...revenue, groupBy: [EventGroup.HOUR] });
    expect(hours).toHaveLength(50);
    expect([hours[0], hours[23], hours.at(-1)]).toEqual([
      "11-10T00   1 0.1",
      "11-10T23   1 0.2",
      "11-12T01   1 -5.5",
    ]);
    const groupBy = [EventGroup.CLIENT, EventGroup.WEEK];
    expect(await brief({ ...revenue, groupBy })).toEqual(["11-10T00 a  3 -5.2"]);
  });

  it("takes the start and leaves out the end of a window", async () => {
    const window = { startTime: at("2025-11-10T00:00:00Z"), endTime: at("2025-11-12T01:00:00Z") };
    expect(await brief({ client: "a", metric: "revenue", ...window })).toEqual(["  2 0.3"]);
  });

  it("sees no event of another project", async () => {
    expect(await rowsOf({}, "2")).toMatchObject([{ count: 1n, sum: "7" }]);
  });

  const DECADE = { startTime: at("2015-01-01T00:00:00Z"), endTime: at("2025-01-01T00:00:00Z") };
  it.each<[string, Request]>([
    ["client", { client: "\0" }],
    ["metric", { metric: "\ud800" }],
    ["start_time", { startTime: { seconds: -1n } }],
    ["end_time", { startTime: at("2025-01-02T00:00:00Z"), endTime: at("2025-01-01T00:00:00Z") }],
    ["group_by", { ...DECADE, groupBy: [EventGroup.HOUR] }],
    ["group_by", { groupBy: [EventGroup.DAY, EventGroup.WEEK] }],
    ["group_by[0]", { groupBy: [EventGroup.UNSPECIFIED] }],
    ["group_by[0]", { groupBy: [9 as EventGroup] }],
    ["group_by[1]", { groupBy: [EventGroup.DAY, EventGroup.DAY] }],
  ])("refuses a bad %s", async (field, request) => {
    expect(await lab.refusal("aggregateEvents", request)).toEqual({
      reason: "INVALID_REQUEST",
      fields: [field],
    });
  });

  it("takes a decade by days", async () => {
    expect(await rowsOf({ ...DECADE, groupBy: [EventGroup.DAY] })).toHaveLength(3653);
  });

  it("refuses what would need more than 10,000 rows", async () => {
    const clients = Array.from({ length: 10_001 }, (_, i) => anEvent({ client: `c-${i}` }));
    await lab.store(clients.slice(1), "3");
    expect(await rowsOf({ groupBy: [EventGroup.CLIENT] }, "3")).toHaveLength(10_000);
    await lab.store(clients.slice(0, 1), "3");
    const request = { groupBy: [EventGroup.CLIENT] };
    expect((await lab.refusal("aggregateEvents", request, "3")).fields).toEqual(["group_by"]);
    const far = ["2020-01-01T00:00:00Z", "2022-01-01T00:00:00Z"].map((occurredAt) =>
      anEvent({ occurredAt }),
    );
    await lab.store(far, "4");
    const byHour = { groupBy: [EventGroup.HOUR] };
    expect((await lab.refusal("aggregateEvents", byHour, "4")).fields).toEqual(["group_by"]);
  });
});
