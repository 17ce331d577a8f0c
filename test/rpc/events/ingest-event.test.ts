import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventOutcome } from "../../../gen/tally/v1/event_pb.js";
import { RejectionState } from "../../../gen/tally/v1/rejection_pb.js";
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import { EventPolicy, Scope } from "../../../gen/tally/v1/tenancy_pb.js";
import { Connection } from "../../../src/db/client.js";
import { limits } from "../../../src/limits.js";
import { malformedPayloads } from "../../events/malformed.js";
import { startTestServer, type TestServer } from "../../support/server.js";
import { DOORS, type DoorName, type SendOptions, sendThrough } from "./doors.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer({ env: { TALLY_FAULTS: "true" } });
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** A project of its own for each door, since they send the same events. */
async function newProject(policy = EventPolicy.STRICT) {
  const { tenancy } = server.client();
  const { project } = await tenancy.createProject({
    organizationId: server.organizationId,
    name: `events ${Math.random()}`,
    settings: { eventPolicy: policy },
  });
  const projectId = project?.projectId ?? "";
  const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
  const { secret } = await tenancy.createToken({ projectId, name: "events", scopes });
  const stored = () =>
    db.query<Record<string, unknown>>(
      `SELECT client, metric, amount::text, occurred_at, path, user_id, state
      FROM events JOIN projects USING (project_key) WHERE project_id = $1 ORDER BY received_at`,
      [projectId],
    );
  const kept = async () => (await server.client(secret).rejections.listRejections({})).rejections;
  const send = (door: DoorName, event: object, options: SendOptions = {}) => {
    const json = event instanceof Uint8Array ? event : Buffer.from(JSON.stringify(event));
    return sendThrough(door, server, json, { projectToken: secret, ...options });
  };
  return { projectId, secret, stored, kept, send };
}

const REVENUE = {
  source: "client_A",
  payload: { metric: "revenue", amount: "1200", timestamp: "2024/01/01" },
};
const PAGE_VIEW = {
  site_id: "site-abc-123",
  event_type: "page_view",
  path: "/pricing",
  user_id: "user-xyz-789",
  timestamp: "2025-11-12T19:30:01Z",
};

describe.each(DOORS)("through %s", (door) => {
  it("processes an event once", async () => {
    const { send, stored } = await newProject();
    const first = await send(door, REVENUE);
    expect(first).toMatchObject({ outcome: "PROCESSED", event: { duplicate: false } });
    expect(first.eventId).toMatch(/^evt_[0-9a-f]{32}$/);
    expect(await send(door, REVENUE)).toMatchObject({
      outcome: "DUPLICATE",
      eventId: first.eventId,
      event: { firstOutcome: EventOutcome.PROCESSED, duplicate: true },
    });
    expect(await stored()).toEqual([
      {
        client: "client_A",
        metric: "revenue",
        amount: "1200",
        occurred_at: new Date("2024-01-01T00:00:00Z"),
        path: null,
        user_id: null,
        state: 2,
      },
    ]);
  });

  it("refuses an event with all that is wrong, and keeps it once", async () => {
    const { send, stored, kept } = await newProject();
    const wrong = { source: "client_A", payload: { metric: "revenue", amount: "invalid_number" } };
    const first = await send(door, wrong);
    expect(first).toMatchObject({
      code: "invalid_argument",
      reason: "EVENT_REFUSED",
      repeatCount: 1,
    });
    expect(first.violations.map(({ field }) => field)).toEqual(["payload.amount", "occurred_at"]);
    expect(first.violations[0]?.description).toContain('"invalid_number"');
    expect(await send(door, wrong)).toMatchObject({
      rejectionId: first.rejectionId,
      repeatCount: 2,
    });
    expect(await stored()).toEqual([]);
    const [rejection, ...others] = await kept();
    expect(others).toEqual([]);
    expect(rejection).toMatchObject({
      rejectionId: first.rejectionId,
      client: "client_A",
      repeatCount: 2n,
      item: { case: "event", value: Buffer.from(JSON.stringify(wrong)) },
    });
  });

  it("fills in what is missing under LENIENT, and counts a later repeat once", async () => {
    const { send, stored } = await newProject(EventPolicy.LENIENT);
    const first = await send(door, { source: "A", amount: "100" });
    expect(first.outcome).toBe("PROCESSED");
    expect(first.event?.warnings.map(({ field, code }) => `${code} ${field}`)).toEqual([
      "DEFAULTED metric",
      "DEFAULTED occurred_at",
    ]);
    expect(await send(door, { source: "A", amount: "100" })).toMatchObject({
      outcome: "DUPLICATE",
      eventId: first.eventId,
    });
    expect((await send(door, { source: "A", amount: "200" })).outcome).toBe("PROCESSED");
    expect((await stored()).map(({ amount }) => amount)).toEqual(["100", "200"]);
  });

  it("refuses what is missing under STRICT", async () => {
    const { send } = await newProject();
    const sent = await send(door, { source: "A", amount: "100" });
    expect(sent.violations.map(({ field }) => field)).toEqual(["metric", "occurred_at"]);
  });

  it("queues an event, and processes it soon", async () => {
    const { send, stored } = await newProject();
    const first = await send(door, PAGE_VIEW, { queue: true });
    expect(first.outcome).toBe("QUEUED");
    expect((await send(door, PAGE_VIEW, { queue: true })).outcome).toBe("DUPLICATE");
    await expect.poll(stored).toMatchObject([{ state: 2, amount: "1", path: "/pricing" }]);
    expect(await send(door, PAGE_VIEW)).toMatchObject({
      outcome: "DUPLICATE",
      event: { firstOutcome: EventOutcome.PROCESSED },
    });
  });

  it("says under which names a client may be sent", async () => {
    const { send } = await newProject();
    const { site_id, ...rest } = PAGE_VIEW;
    const sent = await send(door, rest, { queue: true });
    expect(sent.violations).toEqual([
      { field: "client", description: "is required (or site_id, source, client_id, …)" },
    ]);
  });

  it("takes one spelling of a number for another", async () => {
    const { send, stored } = await newProject();
    const outcomes = [];
    for (const amount of [1200, "1200", "1,200.00", "1.2e3"]) {
      const event = { source: "A", metric: "m", amount, timestamp: 1_700_000_000 };
      outcomes.push((await send(door, event)).outcome);
    }
    expect(outcomes).toEqual(["PROCESSED", "DUPLICATE", "DUPLICATE", "DUPLICATE"]);
    expect(await stored()).toHaveLength(1);
  });

  it("keeps the copy of a conflict, and the first event", async () => {
    const { send, stored, kept } = await newProject();
    const key = { idempotencyKey: "order-17" };
    const first = await send(door, { ...PAGE_VIEW, amount: 1 }, key);
    expect((await send(door, { ...PAGE_VIEW, amount: 1 }, key)).outcome).toBe("DUPLICATE");
    const conflict = await send(door, { ...PAGE_VIEW, amount: 2 }, key);
    expect(conflict).toMatchObject({
      outcome: "CONFLICT",
      eventId: first.eventId,
      event: { firstOutcome: EventOutcome.PROCESSED },
    });
    expect((await stored()).map(({ amount }) => amount)).toEqual(["1"]);
    expect(await kept()).toMatchObject([
      { rejectionId: conflict.rejectionId, idempotencyKey: "order-17", resultId: first.eventId },
    ]);
    // Without the key it is another event.
    expect((await send(door, { ...PAGE_VIEW, amount: 1 })).outcome).toBe("PROCESSED");
  });

  it("takes an idempotency key in any script", async () => {
    const { send, kept } = await newProject();
    const key = { idempotencyKey: "заказ-17 à 5 €" };
    await send(door, { ...PAGE_VIEW, amount: 1 }, key);
    await send(door, { ...PAGE_VIEW, amount: 2 }, key);
    expect(await kept()).toMatchObject([key]);
  });

  it("warns of attributes that differ from the first event's", async () => {
    const { send } = await newProject();
    await send(door, { ...PAGE_VIEW, browser: "a" });
    const again = await send(door, { ...PAGE_VIEW, browser: "b" });
    expect(again.outcome).toBe("DUPLICATE");
    expect(again.event?.warnings.map(({ code }) => code)).toEqual([
      "UNKNOWN_FIELD",
      "ATTRIBUTES_DIFFER",
    ]);
  });

  it("resolves the rejection of an event that passes later", async () => {
    const { projectId, send, kept } = await newProject();
    const event = { source: "A", amount: "100" };
    await send(door, event);
    expect((await kept()).map(({ state }) => state)).toEqual([RejectionState.OPEN]);
    await server.client().tenancy.updateProject({
      project: { projectId, settings: { eventPolicy: EventPolicy.LENIENT } },
      updateMask: { paths: ["settings.event_policy"] },
    });
    expect((await send(door, event)).outcome).toBe("PROCESSED");
    expect((await kept()).map(({ state }) => state)).toEqual([RejectionState.RESOLVED]);
  });

  it.each([
    ["before-commit", "PROCESSED"],
    ["after-commit", "DUPLICATE"],
    ["before-ack", "DUPLICATE"],
  ])("answers UNAVAILABLE for a simulated failure %s, and then %s", async (fault, then) => {
    const { send, stored } = await newProject();
    const failed = await send(door, PAGE_VIEW, { fault });
    expect(failed).toMatchObject({ code: "unavailable", reason: "SIMULATED_FAULT" });
    expect(await stored()).toHaveLength(then === "PROCESSED" ? 0 : 1);
    expect((await send(door, PAGE_VIEW)).outcome).toBe(then);
    expect(await stored()).toHaveLength(1);
  });

  it("names what a simulated failure may be", async () => {
    const { send } = await newProject();
    expect(await send(door, PAGE_VIEW, { fault: "explode" })).toMatchObject({
      code: "invalid_argument",
      violations: [{ field: "tally-fault" }],
    });
  });
});

it("reads an idempotency key of the raw door as fetch sends it, too", async () => {
  const { secret, send, kept } = await newProject();
  await send("gRPC", { ...PAGE_VIEW, amount: 1 }, { idempotencyKey: "n° 17" });
  const again = await fetch(`${server.url}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "idempotency-key": "n° 17" },
    body: JSON.stringify({ ...PAGE_VIEW, amount: 2 }),
  });
  expect(again.status).toBe(409);
  expect(await kept()).toMatchObject([{ idempotencyKey: "n° 17" }]);
});

it("replays a mended event, once, and judges it before", async () => {
  const { send, secret, stored, kept } = await newProject();
  const wrong = { source: "A", metric: "m", amount: "x", timestamp: "2024-01-01" };
  const { rejectionId } = await send("gRPC", wrong);
  const { rejections } = server.client(secret);
  const replacement = {
    case: "event" as const,
    value: Buffer.from(JSON.stringify({ ...wrong, amount: 5 })),
  };
  const replay = async (entry: object, validateOnly = false) => {
    const entries = [{ rejectionId, ...entry }];
    const { results } = await rejections.replayRejections({ entries, validateOnly });
    return results.map(({ outcome }) => outcome);
  };
  expect(await replay({}, true)).toEqual([ReplayOutcome.REJECTED]);
  expect(await replay({ replacement }, true)).toEqual([ReplayOutcome.ACCEPTED]);
  expect(await stored()).toEqual([]);
  expect(await replay({})).toEqual([ReplayOutcome.REJECTED]);
  expect(await replay({ replacement })).toEqual([ReplayOutcome.ACCEPTED]);
  expect(await replay({ replacement })).toEqual([ReplayOutcome.ALREADY_CLOSED]);
  expect((await stored()).map(({ amount }) => amount)).toEqual(["5"]);
  expect((await kept()).map(({ state }) => state)).toEqual([RejectionState.RESOLVED]);
});

it("ignores and counts the header where the operator has not switched it on", async () => {
  await using plain = await startTestServer();
  const sent = await sendThrough("gRPC", plain, Buffer.from(JSON.stringify(PAGE_VIEW)), {
    fault: "before-commit",
  });
  expect(sent.outcome).toBe("PROCESSED");
  const metrics = await (await fetch(`${plain.url}/metrics`)).text();
  expect(metrics).toContain("tally_ignored_faults_total 1\n");
  expect(metrics).toContain('tally_events_total{outcome="processed",mode="wait"} 1\n');
});

it.each([
  ["too long", "k".repeat(2000)],
  ["no text", "a\0b"],
])("replays an event whose key is %s under another one alone", async (_, idempotencyKey) => {
  const { projectId, send, stored, kept } = await newProject();
  const { rejectionId } = await send("gRPC", PAGE_VIEW, { idempotencyKey });
  const { rejections } = server.client();
  const replay = async (entry: object) => {
    const entries = [{ rejectionId, ...entry }];
    const { results } = await rejections.replayRejections({ projectId, entries });
    return results;
  };
  const replacement = { case: "event", value: Buffer.from(JSON.stringify(PAGE_VIEW)) };
  const refused = { outcome: ReplayOutcome.REJECTED, newRejectionId: "" };
  const why = [{ field: "idempotency_key" }];
  expect(await replay({})).toMatchObject([{ ...refused, fieldViolations: why }]);
  expect(await replay({ replacement })).toMatchObject([{ ...refused, fieldViolations: why }]);
  expect(await stored()).toEqual([]);
  expect(await kept()).toMatchObject([{ rejectionId, state: RejectionState.OPEN }]);
  expect(await replay({ idempotencyKey: "short" })).toMatchObject([
    { outcome: ReplayOutcome.ACCEPTED },
  ]);
  expect(await kept()).toMatchObject([{ rejectionId, state: RejectionState.RESOLVED }]);
  const again = await send("gRPC", PAGE_VIEW, { idempotencyKey: "short" });
  expect(again.outcome).toBe("DUPLICATE");
});

it("refuses a body on its announced length, before any of it comes", async () => {
  const url = new URL("/v1/events", server.url);
  const headers = {
    authorization: `Bearer ${server.ingestToken}`,
    "content-length": limits.messageBytes + 1,
  };
  const call = request(url, { method: "POST", headers });
  call.flushHeaders();
  const status = await new Promise((resolve, reject) => {
    call.once("response", ({ statusCode }) => resolve(statusCode));
    call.once("error", reject);
  });
  call.once("error", () => {});
  call.destroy();
  expect(status).toBe(429);
});

it("refuses and keeps every malformed payload, and goes on", async () => {
  const { projectId, send, stored } = await newProject();
  const payloads = malformedPayloads();
  const wrong: string[] = [];
  const refused = new Set<string>();
  for (const [i, [name, bytes]] of payloads.entries()) {
    // Over the limit of a message nothing can be kept; the raw door alone can say so in JSON.
    const isTooLarge = bytes.length > limits.messageBytes;
    const door = isTooLarge ? "the raw door" : (DOORS[i % DOORS.length] ?? "gRPC");
    const { code, reason, rejectionId } = await send(door, bytes);
    if (isTooLarge) {
      if (reason !== "MESSAGE_TOO_LARGE") wrong.push(`${name}: ${code} ${reason}`);
      continue;
    }
    if (reason !== "EVENT_REFUSED" || rejectionId === "") wrong.push(`${name}: ${code} ${reason}`);
    refused.add(rejectionId);
  }
  expect(wrong).toEqual([]);
  expect(await stored()).toEqual([]);
  const rows = await db.query<{ id: string }>(
    `SELECT encode(rejection_id, 'hex') AS id
    FROM rejections JOIN projects USING (project_key) WHERE project_id = $1`,
    [projectId],
  );
  expect(new Set(rows.map(({ id }) => id))).toEqual(refused);
  expect((await send("gRPC", PAGE_VIEW)).outcome).toBe("PROCESSED");
});
