/** The pure parts of the event pages. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, it } from "vitest";
import { EventSchema, EventState } from "../../gen/tally/v1/event_pb.js";
import { EventAggregateSchema, EventFilterSchema } from "../../gen/tally/v1/event_service_pb.js";
import { invalidArgument, unavailable } from "../../src/errors.js";
import { formatBytes } from "../../src/web/format/bytes.js";
import { dayEnd, dayStart } from "../../src/web/format/day-range.js";
import { indentJson } from "../../src/web/format/indent-json.js";
import { groupName, sumSeries } from "../../src/web/pages/aggregates/grouping.js";
import { downloadEvents } from "../../src/web/pages/events/download-events.js";
import { eventFilter } from "../../src/web/pages/events/event-filter.js";
import {
  EMPTY_FORM,
  formJson,
  problemsByField,
} from "../../src/web/pages/send-event/event-form.js";
import { sentOfError } from "../../src/web/pages/send-event/send-event.js";

it("indents JSON and keeps every digit and every text", () => {
  expect(indentJson('{"a":12345678901234567890.10,"b":[1,{"c":"x,{}\\"\\n"}],"d":{},"e":[]}')).toBe(
    [
      "{",
      '  "a": 12345678901234567890.10,',
      '  "b": [',
      "    1,",
      "    {",
      '      "c": "x,{}\\"\\n"',
      "    }",
      "  ],",
      '  "d": {},',
      '  "e": []',
      "}",
    ].join("\n"),
  );
});

it("indents JSON as JSON.stringify does, where that loses nothing", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(indentJson(text)).toBe(JSON.stringify(JSON.parse(text), undefined, 2));
    }),
  );
});

it("leaves what is no JSON as it is", () => {
  expect(indentJson('{"source":"a",')).toBe('{"source":"a",');
});

it("takes a day from its beginning to its end, in UTC", () => {
  expect(dayStart("2026-01-31")).toEqual(timestampFromMs(Date.UTC(2026, 0, 31)));
  expect(dayEnd("2026-01-31")).toEqual(timestampFromMs(Date.UTC(2026, 1, 1)));
});

it.each(["", "2026-02-31x", "2026-13-01", "0026-01-01", "today"])("takes %j for no day", (text) => {
  expect(dayStart(text)).toBeUndefined();
  expect(dayEnd(text)).toBeUndefined();
});

it.each([
  [0n, "0 B"],
  [1023n, "1023 B"],
  [1536n, "1.5 KiB"],
  [1n << 40n, "1.0 TiB"],
])("writes %d bytes as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it("filters events by what the address says, and by nothing else", () => {
  const params = new URLSearchParams({
    client: "shop",
    state: "queued",
    warnings: "no",
    "received-to": "2026-01-31",
    "occurred-from": "never",
  });
  expect(eventFilter(params)).toEqual(
    create(EventFilterSchema, {
      client: "shop",
      state: EventState.QUEUED,
      hasWarnings: false,
      receivedEndTime: timestampFromMs(Date.UTC(2026, 1, 1)),
    }),
  );
  expect(eventFilter(new URLSearchParams("state=dropped&warnings=maybe"))).toEqual(
    create(EventFilterSchema),
  );
});

it("sends no field that is empty", () => {
  expect(
    JSON.parse(formJson({ ...EMPTY_FORM, source: "shop", amount: "1.50", path: " " })),
  ).toEqual({
    source: "shop",
    payload: { amount: "1.50" },
  });
  expect(JSON.parse(formJson(EMPTY_FORM))).toEqual({ payload: {} });
});

it("shows a violation beside its field, by the path as sent or the canonical name", () => {
  const violation = (field: string) => ({ field, description: `${field} is wrong` });
  const { of, others } = problemsByField(
    ["payload.amount", "amount", "occurred_at", "client", "payload.user", "body"].map(violation),
  );
  expect(of).toEqual({
    amount: ["payload.amount is wrong", "amount is wrong"],
    timestamp: ["occurred_at is wrong"],
    source: ["client is wrong"],
    user: ["payload.user is wrong"],
  });
  expect(others).toEqual([violation("body")]);
});

it("tells a refusal, a simulated failure and other errors apart", () => {
  const violations = [{ field: "amount", description: "is no number" }];
  const refused = invalidArgument(violations, {
    reason: "EVENT_REFUSED",
    metadata: { rejection_id: "r1", event_id: "evt_1", repeat_count: "3" },
  });
  expect(sentOfError(refused)).toMatchObject({
    kind: "refused",
    rejectionId: "r1",
    repeatCount: 3,
    violations,
  });
  const simulated = unavailable("a simulated failure", {
    reason: "SIMULATED_FAULT",
    metadata: { fault: "before-ack" },
  });
  expect(sentOfError(simulated)).toEqual({ kind: "simulated", fault: "before-ack" });
  expect(sentOfError(invalidArgument(violations))).toMatchObject({ kind: "failed", violations });
  expect(sentOfError(new Error("offline"))).toMatchObject({ kind: "failed", violations: [] });
});

it("draws the largest groups over all times, with gaps where a group has nothing", () => {
  const row = (metric: string, ms: number, sum: string) =>
    create(EventAggregateSchema, { metric, periodStartTime: timestampFromMs(ms), sum });
  const rows = [
    row("a", 2000, "1"),
    row("b", 1000, "-30.5"),
    row("b", 2000, "2"),
    row("c", 1000, "9"),
  ];
  expect(sumSeries(rows, 2)).toEqual({
    times: [1000, 2000],
    series: [
      { name: "b", values: [-30.5, 2] },
      { name: "c", values: [9, null] },
    ],
    more: 1,
  });
  expect(groupName(create(EventAggregateSchema))).toBe("All events");
});

it("downloads every page, and stops when told to", async () => {
  const stop = new AbortController();
  const asked: string[] = [];
  const listEvents = async ({ pageToken = "" }: { pageToken?: string }) => {
    stop.signal.throwIfAborted();
    asked.push(pageToken);
    const events = [create(EventSchema, { eventId: `evt_${asked.length}`, client: "=cmd" })];
    return { events: asked.length === 2 ? [] : events, nextPageToken: NEXT[asked.length] ?? "" };
  };
  const counts: number[] = [];
  const download = () =>
    downloadEvents({ listEvents } as never, {
      projectId: "p",
      filter: create(EventFilterSchema),
      format: "csv",
      signal: stop.signal,
      onProgress: (count) => counts.push(count),
    });
  const [head, ...lines] = (await download()).join("").trimEnd().split("\r\n");
  expect(head).toMatch(/^event_id,state,client,/);
  expect(lines.map((line) => line.split(",").slice(0, 3))).toEqual([
    ["evt_1", "UNSPECIFIED", "'=cmd"],
    ["evt_3", "UNSPECIFIED", "'=cmd"],
  ]);
  expect(asked).toEqual(["", "t1", "t2"]);
  expect(counts).toEqual([1, 1, 2]);
  stop.abort();
  await expect(download()).rejects.toThrow();
});

const NEXT: Readonly<Record<number, string>> = { 1: "t1", 2: "t2" };
