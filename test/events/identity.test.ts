import { execFile, spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatEventId, parseEventId } from "../../src/events/event-id.js";
import { checkIdempotencyKey, contentHashOf, eventIdOf } from "../../src/events/identity.js";
import { normalizeEvent, type SentFields } from "../../src/events/normalize.js";
import { parseEvent } from "../../src/events/parse-event.js";
import { accepted, eventWith, RECEIVED_AT_US, refused } from "./judge.js";

/** One entry of docs/event-identity.json. */
interface Vector {
  readonly name: string;
  readonly json: string;
  readonly idempotency_key?: string;
  readonly sent: Readonly<Record<string, string | null>>;
  readonly content_hash: string;
  readonly event_id: string;
}

const file = new URL("../../docs/event-identity.json", import.meta.url);
const vectors = JSON.parse(await readFile(file, "utf8")) as Vector[];
const hasPython = spawnSync("python3", ["-c", "import hashlib"]).status === 0;

describe("the documented vectors", () => {
  it("are at least 15, and no two differ by their name alone", () => {
    expect(vectors.length).toBeGreaterThanOrEqual(15);
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
    expect(new Set(vectors.map(({ json, idempotency_key }) => json + idempotency_key)).size).toBe(
      vectors.length,
    );
  });

  it.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    const { fields } = parseEvent(Buffer.from(vector.json));
    const normalized = normalizeEvent(fields, { policy: "lenient", receivedAtUs: 5 });
    if (normalized.outcome !== "accepted") throw new Error("refused");
    const { client, metric, amount, occurredAtUs, path, userId } = normalized.sent;
    expect({
      client: client ?? null,
      metric: metric ?? null,
      amount: amount ?? null,
      occurred_at: occurredAtUs === undefined ? null : String(occurredAtUs),
      path: path ?? null,
      user_id: userId ?? null,
    }).toEqual(vector.sent);
    const judgement = accepted(vector.json, {
      policy: "lenient",
      idempotencyKey: vector.idempotency_key,
    });
    expect(judgement.contentHash.toString("hex")).toBe(vector.content_hash);
    expect(formatEventId(judgement.eventId)).toBe(vector.event_id);
  });

  it("are hashed alike by a program in another language", async ({ skip }) => {
    if (!hasPython) skip("python3 is not installed");
    const script = fileURLToPath(new URL("content-hash.py", import.meta.url));
    const answers = JSON.parse(await runPython(script, JSON.stringify(vectors)));
    expect(answers).toEqual(
      vectors.map(({ content_hash, event_id }) => ({ content_hash, event_id })),
    );
  });
});

describe("the content hash", () => {
  const text = fc.option(fc.string({ unit: "grapheme", maxLength: 4 }), { nil: undefined });
  const sent = fc.record<SentFields>({
    client: text,
    metric: text,
    amount: text,
    occurredAtUs: fc.option(fc.nat(20), { nil: undefined }),
    path: text,
    userId: text,
  });

  it("differs for different fields, whatever they contain", () => {
    fc.assert(
      fc.property(sent, sent, (one, other) => {
        const equal = JSON.stringify(one) === JSON.stringify(other);
        expect(contentHashOf(one).equals(contentHashOf(other))).toBe(equal);
      }),
      { numRuns: 500 },
    );
  });

  it("differs when a text moves into the next field, or is cut elsewhere", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 6 }), fc.nat(6), fc.nat(6), (whole, here, there) => {
        const cut = (at: number) => ({ client: whole.slice(0, at), metric: whole.slice(at) });
        const rest = { amount: "1", occurredAtUs: 0, path: undefined, userId: undefined };
        const one = { ...cut(Math.min(here, whole.length)), ...rest };
        const other = { ...cut(Math.min(there, whole.length)), ...rest };
        expect(contentHashOf(one).equals(contentHashOf(other))).toBe(one.client === other.client);
      }),
    );
  });

  it("tells a text that was sent from one that was not, and from other fields", () => {
    const none = {
      client: undefined,
      metric: undefined,
      amount: undefined,
      occurredAtUs: undefined,
      path: undefined,
      userId: undefined,
    };
    const variants: SentFields[] = [
      none,
      { ...none, client: "" },
      { ...none, client: "\u00ff\u00ff\u00ff\u00ff" },
      { ...none, metric: "0" },
      { ...none, amount: "0" },
      { ...none, occurredAtUs: 0 },
      { ...none, path: "0" },
      { ...none, userId: "0" },
    ];
    const hashes = variants.map((each) => contentHashOf(each).toString("hex"));
    expect(new Set(hashes).size).toBe(variants.length);
  });
});

describe("the event id", () => {
  const idOf = (json: object, idempotencyKey?: string) =>
    formatEventId(accepted(json, { idempotencyKey }).eventId);

  it("is the key's alone if there is one", () => {
    expect(idOf(eventWith({ amount: 1 }), "k")).toBe(idOf(eventWith({ amount: 2 }), "k"));
    expect(idOf(eventWith({}), "k")).not.toBe(idOf(eventWith({}), "K"));
    expect(idOf(eventWith({}), "k")).not.toBe(idOf(eventWith({})));
  });

  it("of a key is never that of content, not even of a key that spells the content", () => {
    const contentHash = contentHashOf({
      client: "k",
      metric: undefined,
      amount: undefined,
      occurredAtUs: undefined,
      path: undefined,
      userId: undefined,
    });
    const content = eventIdOf({ contentHash });
    for (const idempotencyKey of [
      "k",
      contentHash.toString("hex"),
      contentHash.toString("latin1"),
    ]) {
      expect(eventIdOf({ idempotencyKey, contentHash })).not.toEqual(content);
    }
  });

  it("has a text that names it, and no other text does", () => {
    const id = accepted(eventWith({})).eventId;
    expect(id).toHaveLength(16);
    const text = formatEventId(id);
    expect(text).toMatch(/^evt_[0-9a-f]{32}$/);
    expect(parseEventId(text)).toEqual(id);
    for (const wrong of [
      "",
      "evt_",
      text.slice(4),
      text.toUpperCase(),
      `${text}0`,
      `${text}\n`,
      ` ${text}`,
      text.replace("evt", "run"),
    ]) {
      expect(parseEventId(wrong)).toBeUndefined();
    }
  });
});

describe("an idempotency key", () => {
  it.each([["k"], ["x".repeat(128)], ["é".repeat(64)], [" "], ["a/b:c"]])("may be %j", (key) => {
    expect(checkIdempotencyKey(key)).toBeUndefined();
  });

  it.each([
    ["", "is empty: leave it out or send 1 byte or more"],
    ["x".repeat(129), "has 129 bytes, at most 128"],
    [`${"é".repeat(64)}x`, "has 129 bytes, at most 128"],
    ["a\0", 'contains a NUL character or half of a surrogate pair: "a\\u0000"'],
    ["\ud800", 'contains a NUL character or half of a surrogate pair: "\\ud800"'],
  ])("must not be %j", (idempotencyKey, description) => {
    const violations = [{ field: "idempotency_key", description }];
    expect(refused(eventWith({}), { idempotencyKey }).violations).toEqual(violations);
  });
});

it("takes the time of receipt for no part of the identity", () => {
  const json = { client: "c", metric: "m", amount: 1 };
  const at = (receivedAtUs: number) => accepted(json, { policy: "lenient", receivedAtUs });
  expect(at(RECEIVED_AT_US).contentHash).toEqual(at(RECEIVED_AT_US + 1).contentHash);
});

/** What a script prints that reads the input. */
async function runPython(script: string, input: string): Promise<string> {
  const running = promisify(execFile)("python3", [script], { timeout: 20_000 });
  const { stdin } = running.child;
  if (stdin === null) throw new Error("no stdin");
  stdin.end(input);
  return (await running).stdout;
}
