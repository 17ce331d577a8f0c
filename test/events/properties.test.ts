import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeEvent } from "../../src/events/judge-event.js";
import { normalizeEvent } from "../../src/events/normalize.js";
import { parseEvent } from "../../src/events/parse-event.js";
import { anyFacts, anySpelling, spell } from "./any-event.js";
import { type Accepted, accepted, eventWith, judge, RECEIVED_AT_US } from "./judge.js";

const lenient = { policy: "lenient", receivedAtUs: RECEIVED_AT_US } as const;

describe("an event", () => {
  it("is the same one in every order and spelling, under every name", () => {
    fc.assert(
      fc.property(anyFacts, anySpelling, anySpelling, (facts, one, other) => {
        const first = accepted(spell(facts, one), lenient);
        const second = accepted(spell(facts, other), lenient);
        expect(second.eventId).toEqual(first.eventId);
        expect(second.contentHash).toEqual(first.contentHash);
        expect({ ...second.event, attributes: "" }).toEqual({ ...first.event, attributes: "" });
      }),
      { numRuns: 1000 },
    );
  });

  it("is another one if one of its fields is", () => {
    fc.assert(
      fc.property(anyFacts, anyFacts, anySpelling, fc.nat(5), (facts, others, spelling, which) => {
        const field = (Object.keys(facts) as (keyof typeof facts)[])[which] ?? "client";
        const changed = { ...facts, [field]: others[field] };
        const first = accepted(spell(facts, spelling), lenient);
        const second = accepted(spell(changed, spelling), lenient);
        const isSame = canonicalText(facts) === canonicalText(changed);
        expect(second.contentHash.equals(first.contentHash)).toBe(isSame);
      }),
      { numRuns: 1000 },
    );
  });

  it("normalised twice is what it was, with nothing left to coerce", () => {
    fc.assert(
      fc.property(anyFacts, anySpelling, fc.boolean(), (facts, spelling, isCounting) => {
        const json = spell(facts, spelling);
        const sent = isCounting
          ? json.replace(/"(metric|name|event|eventName)":/, '"type":')
          : json;
        const first = accepted(sent, lenient);
        const again = accepted(ownJson(sent, first), lenient);
        expect(again.event).toEqual(first.event);
        expect(again.contentHash).toEqual(first.contentHash);
        expect(again.warnings.filter(({ code }) => code === "COERCED")).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it("has attributes that are its other fields, as JSON reads them", () => {
    fc.assert(
      fc.property(anyFacts, anySpelling, (facts, spelling) => {
        const { event } = accepted(spell(facts, spelling), lenient);
        const { payload = {}, ...top } = JSON.parse(event.attributes) as Record<string, object>;
        const sent: unknown = JSON.parse(JSON.stringify(spelling.attributes));
        expect({ ...top, ...payload }).toEqual(sent);
      }),
    );
  });
});

describe("whatever is sent", () => {
  /** Judged without an exception: facts that a database takes, or reasons. */
  const isJudged = (payload: Uint8Array | JsonObject, options = lenient) => {
    const judgement = judgeEvent(payload, options);
    if (judgement.outcome === "refused") {
      expect(judgement.violations.length).toBeGreaterThan(0);
      expect(judgement.violations.length).toBeLessThanOrEqual(32);
      for (const { field, description } of judgement.violations) {
        expect(isText(field) && isText(description)).toBe(true);
        expect(Buffer.byteLength(field)).toBeLessThanOrEqual(200);
        expect(Buffer.byteLength(description)).toBeLessThan(800);
      }
      expect(isText(judgement.client)).toBe(true);
      return;
    }
    const { event, warnings } = judgement;
    for (const text of [event.client, event.metric, event.path ?? "/", event.userId ?? "u"]) {
      expect(text !== "" && isText(text) && Buffer.byteLength(text) <= 1024).toBe(true);
    }
    expect(event.amount).toMatch(/^(0|-?(0|[1-9]\d{0,29})(\.\d{0,29}[1-9])?)$/);
    expect(Number.isSafeInteger(event.occurredAtUs)).toBe(true);
    expect(isText(event.attributes)).toBe(true);
    expect(() => JSON.parse(event.attributes)).not.toThrow();
    for (const { field, message } of warnings) expect(isText(field) && isText(message)).toBe(true);
  };

  it("bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => isJudged(bytes)));
  });

  it("JSON", () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (json) => isJudged(Buffer.from(json))),
    );
  });

  it("known fields with values of any kind", () => {
    const keys = "client source metric type amount value timestamp ts path user_id payload x".split(
      " ",
    );
    const value = fc.oneof(
      fc.jsonValue({ noUnicodeString: false }),
      fc.constantFrom("1,200", "2024-01-31", 1e21, 0.1, "01/02/2024", "1e400", -1, ""),
      fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), value), (event) => {
        isJudged(Buffer.from(JSON.stringify(event)));
      }),
      { numRuns: 1000 },
    );
  });

  it("an event with bytes changed, put in or left out", () => {
    const change = fc.tuple(
      fc.nat(),
      fc.nat(2),
      fc.oneof(fc.nat(255), fc.constantFrom(...'{}[]":,\\0e-')),
    );
    fc.assert(
      fc.property(
        anyFacts,
        anySpelling,
        fc.array(change, { maxLength: 4 }),
        (facts, spelling, changes) => {
          let bytes = Buffer.from(spell(facts, spelling));
          for (const [where, skipped, put] of changes) {
            const at = where % (bytes.length + 1);
            const byte = typeof put === "number" ? Buffer.from([put]) : Buffer.from(put);
            bytes = Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at + skipped)]);
          }
          isJudged(bytes);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("a Struct", () => {
    const struct = fc.dictionary(
      fc.string({ unit: "binary" }),
      fc.oneof(
        fc.double(),
        fc.jsonValue({ noUnicodeString: false }),
        fc.string({ unit: "binary" }),
      ),
    );
    fc.assert(fc.property(struct, (value) => isJudged(value as JsonObject)));
  });

  it("is judged alike as bytes and, without numbers beyond 2^53, as a Struct", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("client", "amount", "ts", "x"), fc.jsonValue()),
        (value) => {
          const struct = JSON.parse(JSON.stringify(value)) as JsonObject;
          const judgement = judgeEvent(struct, lenient);
          if (judgement.outcome === "accepted") expect(judge(struct, lenient)).toEqual(judgement);
        },
      ),
    );
  });
});

it("judges an event again and again alike, and changes nothing that it reads", () => {
  const bytes = Buffer.from(JSON.stringify(eventWith({ payload: { b: 1, a: [2] } })));
  const copy = Buffer.from(bytes);
  const first = judgeEvent(bytes, lenient);
  expect(judgeEvent(bytes, lenient)).toEqual(first);
  expect(bytes).toEqual(copy);
});

/** The JSON that an event is stored as: what was sent under the canonical names, and its attributes. */
function ownJson(json: string, { event }: Accepted): string {
  const normalized = normalizeEvent(parseEvent(Buffer.from(json)).fields, lenient);
  if (normalized.outcome !== "accepted") throw new Error("refused");
  const { client, metric, amount, occurredAtUs, path, userId } = normalized.sent;
  // Only a type counts 1 without an amount.
  const metricName = amount === undefined && event.amount === "1" ? "event_type" : "metric";
  const fields = {
    client,
    [metricName]: metric,
    amount,
    occurred_at: occurredAtUs === undefined ? undefined : isoMicros(occurredAtUs),
    path,
    user_id: userId,
  };
  const own = JSON.stringify(fields).slice(0, -1);
  const attributes = event.attributes.slice(1);
  return own === "{" || attributes === "}" ? own + attributes : `${own},${attributes}`;
}

function isoMicros(micros: number): string {
  const iso = new Date(Math.floor(micros / 1000)).toISOString();
  return iso.replace("Z", `${String(micros % 1000).padStart(3, "0")}Z`);
}

function canonicalText(facts: object): string {
  const { amount, ...rest } = facts as { amount?: { units: bigint; places: number } };
  const scaled = amount && amount.units * 10n ** BigInt(15 - amount.places);
  return `${JSON.stringify(rest)}${scaled}`;
}

/** Whether Postgres keeps it as text. */
function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}
