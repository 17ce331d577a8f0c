import { describe, expect, it } from "vitest";
import { accepted, eventWith, RECEIVED_AT_US, refused } from "./judge.js";

const violationsOf = (json: unknown, policy: "strict" | "lenient" = "strict") =>
  refused(json, { policy }).violations.map(({ field, description }) => `${field}: ${description}`);
const warningsOf = (json: unknown, policy: "strict" | "lenient" = "strict") =>
  accepted(json, { policy }).warnings.map(
    ({ code, field, message }) => `${code} ${field}: ${message}`,
  );

const required = {
  client: "client: is required (or site_id, source, client_id, …)",
  metric: "metric: is required (or event_type, type, name, …)",
  amount: "amount: is required (or value, count, total, …)",
  occurred_at: "occurred_at: is required (or timestamp, time, date, …)",
};

describe("the documented examples", () => {
  const revenue = (amount: string, rest: object) => ({
    source: "client_A",
    payload: { metric: "revenue", amount, ...rest },
  });

  it("are events, whatever their fields are called", () => {
    const { event, warnings } = accepted(revenue("1200", { timestamp: "2024/01/01" }));
    expect(event).toEqual({
      client: "client_A",
      metric: "revenue",
      amount: "1200",
      occurredAtUs: Date.UTC(2024, 0, 1) * 1000,
      path: undefined,
      userId: undefined,
      attributes: "{}",
    });
    expect(warnings.map(({ code, field }) => [code, field])).toEqual([
      ["COERCED", "payload.timestamp"],
    ]);
  });

  it("are refused with the value that is no number and the time that is missing", () => {
    const judgement = refused(revenue("invalid_number", {}));
    expect(judgement.violations).toEqual([
      { field: "payload.amount", description: '"invalid_number" is not a number' },
      {
        field: "occurred_at",
        description: "is required (or timestamp, time, date, …)",
      },
    ]);
    expect(judgement.client).toBe("client_A");
  });

  it("are the same event again seconds later under LENIENT, and another with another amount", () => {
    const json = { source: "A", amount: "100" };
    const first = accepted(json, { policy: "lenient" });
    const later = RECEIVED_AT_US + 2_000_000;
    const again = accepted(json, { policy: "lenient", receivedAtUs: later });
    const other = accepted({ source: "A", amount: "200" }, { policy: "lenient" });
    expect(again.eventId).toEqual(first.eventId);
    expect(again.event).toEqual({ ...first.event, occurredAtUs: later });
    expect(other.eventId).not.toEqual(first.eventId);
    expect(first.event).toMatchObject({ client: "A", metric: "unknown", amount: "100" });
    expect(violationsOf(json)).toEqual([required.metric, required.occurred_at]);
  });

  it("count a page view without an amount, and miss its site", () => {
    const view = {
      event_type: "page_view",
      path: "/pricing",
      user_id: "user-xyz-789",
      timestamp: "2025-11-12T19:30:01Z",
    };
    const { event, warnings } = accepted({ site_id: "site-abc-123", ...view });
    expect(event).toMatchObject({ client: "site-abc-123", metric: "page_view", amount: "1" });
    expect(event).toMatchObject({ path: "/pricing", userId: "user-xyz-789" });
    expect(warnings).toEqual([]);
    expect(refused(view).violations).toEqual([
      { field: "client", description: "is required (or site_id, source, client_id, …)" },
    ]);
  });
});

describe("the policy", () => {
  it.each(["client", "metric", "amount", "occurred_at"] as const)(
    "STRICT refuses an event without %s, missing or null",
    (field) => {
      expect(violationsOf(eventWith({ [field]: undefined }))).toEqual([required[field]]);
      expect(violationsOf(eventWith({ [field]: null }))).toEqual([required[field]]);
    },
  );

  it("STRICT names all that is missing", () => {
    expect(violationsOf({})).toEqual(Object.values(required));
  });

  it("LENIENT takes a default for each, and says so", () => {
    const { event } = accepted({}, { policy: "lenient" });
    expect(event).toEqual({
      client: "unknown",
      metric: "unknown",
      amount: "0",
      occurredAtUs: RECEIVED_AT_US,
      path: undefined,
      userId: undefined,
      attributes: "{}",
    });
    expect(warningsOf({}, "lenient")).toEqual([
      'DEFAULTED client: is missing: "unknown" was taken',
      'DEFAULTED metric: is missing: "unknown" was taken',
      "DEFAULTED amount: is missing: 0 was taken",
      "DEFAULTED occurred_at: is missing: the time of receipt was taken",
    ]);
  });

  it.each(["strict", "lenient"] as const)("%s refuses what is there and unreadable", (policy) => {
    const broken = eventWith({
      client: " ",
      metric: [],
      amount: "1e400",
      occurred_at: "01/02/2024",
    });
    expect(violationsOf(broken, policy).map((text) => text.split(":")[0])).toEqual([
      "client",
      "metric",
      "amount",
      "occurred_at",
    ]);
    expect(violationsOf(eventWith({ path: "" }), policy)).toEqual(["path: is blank"]);
    expect(violationsOf(eventWith({ user_id: false }), policy)).toEqual([
      "user_id: false is not a text",
    ]);
  });

  it.each(["strict", "lenient"] as const)("%s counts 1 for a type without an amount", (policy) => {
    for (const name of ["event_type", "type", "eventType", "EventType", "TYPE"]) {
      const json = eventWith({ metric: undefined, [name]: "signup", amount: undefined });
      expect(accepted(json, { policy })).toMatchObject({ event: { amount: "1" }, warnings: [] });
    }
  });

  it.each(["name", "event", "metric"])("wants an amount for a %s", (name) => {
    const json = eventWith({ metric: undefined, [name]: "signup", amount: undefined });
    expect(violationsOf(json)).toEqual([required.amount]);
    expect(accepted(json, { policy: "lenient" }).event.amount).toBe("0");
  });

  it("reads an amount that a type has", () => {
    const json = eventWith({ metric: undefined, type: "sale", amount: "x" });
    expect(violationsOf(json)).toEqual(['amount: "x" is not a number']);
  });

  it("takes zero and negative amounts", () => {
    expect(accepted(eventWith({ amount: 0 })).event.amount).toBe("0");
    expect(accepted(eventWith({ amount: -3.5 })).event.amount).toBe("-3.5");
  });
});

describe("names of fields", () => {
  const base = { client: "c", metric: "m", amount: 1, occurred_at: "2024-01-01T10:00:00Z" };
  it.each<[keyof typeof base | "path" | "user_id", string[]]>([
    [
      "client",
      [
        "client",
        "source",
        "client_id",
        "clientId",
        "client-id",
        "CLIENT_ID",
        "ClientID",
        "site_id",
        "siteId",
        "site",
        "client_name",
        "source_id",
      ],
    ],
    [
      "metric",
      ["metric", "event_type", "eventType", "type", "name", "event", "event_name", "metric_name"],
    ],
    ["amount", ["amount", "Amount", "value", "count", "total", "quantity"]],
    [
      "occurred_at",
      [
        "occurred_at",
        "occurredAt",
        "timestamp",
        "time",
        "date",
        "ts",
        "datetime",
        "eventTime",
        "created_at",
      ],
    ],
    ["path", ["path", "url_path", "urlPath", "page", "page_path"]],
    ["user_id", ["user_id", "userId", "user", "uid"]],
  ])("%s may be called %j, at the top and under payload", (field, names) => {
    const full = { ...base, path: "/", user_id: "u" };
    const { [field]: value, ...rest } = full;
    const expected = accepted(full);
    for (const name of names) {
      const top = accepted({ ...rest, [name]: value });
      const inner = accepted({ ...rest, payload: { [name]: value } });
      expect(top).toEqual(expected);
      expect(inner).toEqual(expected);
    }
  });

  it("are read under one payload, whatever its case", () => {
    expect(accepted({ Payload: base }).event).toEqual(accepted(base).event);
    expect(violationsOf({ payload: base, Payload: { x: 1 } })).toEqual([
      "Payload: is a second payload besides payload",
    ]);
    expect(accepted({ ...base, payload: null }).warnings).toEqual([]);
  });

  it("may repeat with equal values, for one warning", () => {
    const json = { ...base, value: "1.0", total: 1, payload: { count: "1" } };
    expect(accepted(json).event.amount).toBe("1");
    expect(warningsOf(json)).toEqual(["ALIAS_REPEATED value: repeats amount"]);
  });

  it("must not contradict each other", () => {
    expect(violationsOf({ ...base, value: "2", payload: { count: 1 } })).toEqual([
      'value: is "2", but amount is 1: both name the same field',
    ]);
    expect(violationsOf({ ...base, payload: { client: "C" } })).toEqual([
      'payload.client: is "C", but client is "c": both name the same field',
    ]);
    const times = { ...base, payload: { ts: "2024-01-01T11:00:00+01:00" } };
    expect(accepted(times).warnings.map(({ code }) => code)).toEqual(["ALIAS_REPEATED"]);
  });

  it("that contradict an unreadable value are compared with the one that is readable", () => {
    expect(violationsOf({ ...base, amount: "x", value: 2, total: 3 })).toEqual([
      'amount: "x" is not a number',
      "total: is 3, but value is 2: both name the same field",
    ]);
  });
});

describe("attributes", () => {
  it("are everything else, where it was sent, with sorted keys and the text of numbers", () => {
    const json = `{"client":"c","metric":"m","amount":1,"occurred_at":"2024-01-01T10:00:00Z",
      "zone":"b","plan":{"z":1.10,"a":[1e2,null,true]},"payload":{"plan":9007199254740993,"payload":{"amount":2}}}`;
    expect(accepted(json).event.attributes).toBe(
      '{"payload":{"payload":{"amount":2},"plan":9007199254740993},"plan":{"a":[1e2,null,true],"z":1.10},"zone":"b"}',
    );
    expect(warningsOf(json)).toEqual([
      "UNKNOWN_FIELD zone: is kept as an attribute",
      "UNKNOWN_FIELD plan: is kept as an attribute",
      "UNKNOWN_FIELD payload.plan: is kept as an attribute",
      "UNKNOWN_FIELD payload.payload: is kept as an attribute",
    ]);
  });

  it("include a payload that is no object, and what asks for a failure", () => {
    const { event } = accepted(eventWith({ payload: "text", simulateFailure: true }));
    expect(event.attributes).toBe('{"payload":"text","simulateFailure":true}');
  });

  it("are no part of the identity", () => {
    const { eventId } = accepted(eventWith({}));
    expect(accepted(eventWith({ a: 1, payload: { b: [] } })).eventId).toEqual(eventId);
  });

  it.each([
    ["1e400", false],
    ["-1e309", false],
    ["1e-400", false],
    [`1${"0".repeat(1024)}`, false],
    ["1e308", true],
    ["0e-400", true],
    ["123456789012345678901234567890.5", true],
  ])("may be a number %s: %s", (number, isValid) => {
    const json = JSON.stringify(eventWith({ x: { y: ["#"] } })).replace('"#"', number);
    if (isValid) {
      expect(accepted(json).event.attributes).toBe(`{"x":{"y":[${number}]}}`);
    } else {
      expect(refused(json).violations.map(({ field }) => field)).toEqual(["x.y[0]"]);
    }
  });

  it("are named in up to 32 warnings", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));
    const all = accepted(eventWith(many(32)));
    expect([all.warnings.length, all.warningsTruncated]).toEqual([32, false]);
    const some = accepted(eventWith(many(33)));
    expect([some.warnings.length, some.warningsTruncated]).toEqual([32, true]);
    expect(JSON.parse(some.event.attributes)).toEqual(many(33));
  });
});

describe("a refusal", () => {
  it("names all that is wrong, as JSON and as an event", () => {
    const json = '{"client":"c","x":"\\u0000","amount":"x","metric":"m"}';
    const fields = refused(json, { idempotencyKey: "" }).violations.map(({ field }) => field);
    expect(fields).toEqual(["idempotency_key", "x", "amount", "occurred_at"]);
  });

  it("of an event that breaks off blames the break alone, and keeps the client", () => {
    const judgement = refused('{"site_id":" A ","amount":');
    expect(judgement.violations.map(({ field }) => field)).toEqual(["body"]);
    expect(judgement.client).toBe("A");
    expect(refused('{"amount":', { policy: "lenient" }).client).toBe("");
  });

  it("has a client that can be stored, or none", () => {
    expect(refused('{"client":"a\\u0000\\ud800"}').client).toBe("a\ufffd\ufffd");
    expect(refused({ client: [] }).client).toBe("");
    expect(refused("[]").client).toBe("");
  });

  it("lists up to 32 violations", () => {
    const faults = (count: number) => eventWith({ a: Array.from({ length: count }, () => "\0") });
    const all = refused(faults(32));
    expect([all.violations.length, all.violationsTruncated]).toEqual([32, false]);
    const some = refused(faults(33));
    expect([some.violations.length, some.violationsTruncated]).toEqual([32, true]);
  });
});
