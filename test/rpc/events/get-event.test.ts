import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventState, EventStep } from "../../../gen/tally/v1/event_pb.js";
import { formatEventId } from "../../../src/events/event-id.js";
import { timestamp } from "../../../src/rpc/run-message.js";
import { anEvent, rereadEvent } from "../../db/event-rows.js";
import { at, EventLab } from "./support.js";

let lab: EventLab;
beforeAll(async () => {
  lab = await EventLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

const get = async (eventId: string, projectKey?: string) =>
  (await lab.call("getEvent", { eventId }, projectKey)).event;
const stepsOf = (event: Awaited<ReturnType<typeof get>>) =>
  event?.log.map(({ step, actor, detail }) => [EventStep[step], actor, detail]);
const logStep = (eventId: Uint8Array, step: number, detail: string, seconds: number) =>
  lab.db.query(
    `INSERT INTO processing_log (project_key, event_id, created_at, step, detail, actor)
    VALUES (1, $1, now() + make_interval(secs => $4::int), $2::smallint, $3, 'inbox')`,
    [eventId, step, detail, seconds],
  );
/** Keeps a refusal of this event. */
const refuse = (
  rejectionId: string,
  eventId: Uint8Array,
  change: { batchKey?: string; state?: number; repeatCount?: number; createdAt?: string } = {},
) =>
  lab.db.query(
    `INSERT INTO rejections (
      project_key, rejection_id, kind, reason, state, violations, violations_truncated, run_id, part,
      item_index, result_id, bytes, client, repeat_count, batch_key, created_at, last_at, closed_at,
      idempotency_key
    )
    VALUES (
      1, decode($1, 'hex'), 3, 1, $4::smallint, $5::text::jsonb, false, '', '', 0, $2, 'not json', 'site-9',
      $6::bigint, $3::bigint, $7::text::timestamptz, now(), CASE WHEN $4::smallint > 1 THEN now() END, 'key-1'
    )`,
    [
      rejectionId,
      formatEventId(eventId),
      change.batchKey ?? 1,
      change.state ?? 1,
      JSON.stringify([
        { field: "payload.amount", description: "is no number" },
        { field: "occurred_at", description: "is required" },
      ]),
      change.repeatCount ?? 1,
      change.createdAt ?? "2025-11-13T00:00:00Z",
    ],
  );

describe("GetEvent", () => {
  it("answers every field, exact to the microsecond and to the digit", async () => {
    const event = anEvent({
      client: "site-1",
      metric: "revenue",
      amount: "1234567890123456789012.500",
      occurredAt: "2025-11-12T19:30:01.123457Z",
      receivedAt: "2025-11-13T00:00:00.000001Z",
      path: "/pricing",
      userId: "user-xyz",
      idempotencyKey: "key",
      attributes: '{"a":1.10}',
      warnings: JSON.stringify([{ field: "payload.a", description: "is unknown" }]),
    });
    await lab.store([event], "1", "awriter");
    const eventId = formatEventId(event.eventId);
    const received = { seconds: at("2025-11-13T00:00:00Z").seconds, nanos: 1000 };
    expect(await get(eventId)).toMatchObject({
      eventId,
      state: EventState.PROCESSED,
      client: "site-1",
      metric: "revenue",
      amount: "1234567890123456789012.5",
      occurredTime: { seconds: at("2025-11-12T19:30:01Z").seconds, nanos: 123_457_000 },
      path: "/pricing",
      userId: "user-xyz",
      attributesJson: '{"a":1.10}',
      warnings: [{ field: "payload.a", description: "is unknown" }],
      warningsTruncated: false,
      idempotencyKey: "key",
      receivedTime: received,
      normalizerVersion: 1,
      raw: Buffer.from('{"source":"site-1"}'),
      rejectionId: "",
      log: [
        { time: received, step: EventStep.RECEIVED, actor: "awriter", detail: "" },
        { time: received, step: EventStep.PROCESSED, actor: "awriter", detail: "" },
      ],
    });
  });

  it("leaves empty what the event does not have", async () => {
    const event = anEvent({ path: null, userId: null });
    await lab.store([event]);
    expect(await get(formatEventId(event.eventId))).toMatchObject({
      path: "",
      userId: "",
      attributesJson: "",
      warnings: [],
      idempotencyKey: "",
    });
  });

  it("tells the attempts of a queued event, and when it was processed", async () => {
    const event = anEvent({ state: 1 });
    await lab.store([event], "1", "awriter");
    const eventId = formatEventId(event.eventId);
    const queued = await get(eventId);
    expect(queued?.state).toBe(EventState.QUEUED);
    expect(stepsOf(queued)).toEqual([["RECEIVED", "awriter", ""]]);
    await logStep(event.eventId, EventStep.ATTEMPT_FAILED, "simulated", 1);
    await lab.db.query(
      "UPDATE events SET state = 2, processed_at = now() + interval '2 seconds' WHERE event_id = $1",
      [event.eventId],
    );
    expect(stepsOf(await get(eventId))).toEqual([
      ["RECEIVED", "awriter", ""],
      ["ATTEMPT_FAILED", "inbox", "simulated"],
      ["PROCESSED", "inbox", ""],
    ]);
  });

  it("tells who sent an event also after its client was read anew", async () => {
    const event = anEvent();
    await lab.store([event], "1", "awriter");
    await rereadEvent(lab.db, "1", event.eventId, event);
    await lab.db.query("UPDATE events SET client = 'other' WHERE event_id = $1", [event.eventId]);
    expect(stepsOf(await get(formatEventId(event.eventId)))?.[0]).toEqual([
      "RECEIVED",
      "awriter",
      "",
    ]);
  });

  it("answers a refused event with its violations and what was sent", async () => {
    const { eventId } = anEvent();
    const batchKey = await lab.store([anEvent()], "1", "awriter");
    await refuse("00".repeat(16), eventId, { batchKey });
    const event = await get(formatEventId(eventId));
    expect(event).toMatchObject({
      eventId: formatEventId(eventId),
      state: EventState.REJECTED,
      client: "site-9",
      idempotencyKey: "key-1",
      raw: Buffer.from("not json"),
      rejectionId: "00".repeat(16),
      receivedTime: timestamp(Date.parse("2025-11-13T00:00:00Z") * 1000),
    });
    expect(stepsOf(event)).toEqual([
      ["RECEIVED", "awriter", ""],
      ["REJECTED", "awriter", "payload.amount: is no number; occurred_at: is required"],
    ]);
  });

  it("prefers the open one of several refusals, and the stored event to all of them", async () => {
    const event = anEvent();
    const eventId = formatEventId(event.eventId);
    await refuse("01".repeat(16), event.eventId, { repeatCount: 2 });
    await refuse("02".repeat(16), event.eventId, { state: 3 });
    const refused = await get(eventId);
    expect(refused?.rejectionId).toBe("01".repeat(16));
    // Who sent it first is not known.
    expect(stepsOf(refused)?.[0]).toEqual(["RECEIVED", "", ""]);
    await lab.store([event]);
    expect((await get(eventId))?.state).toBe(EventState.PROCESSED);
  });

  it("tells the attempts of an event that was given up, and not that it was received after them", async () => {
    const { eventId } = anEvent();
    await logStep(eventId, EventStep.ATTEMPT_FAILED, "first", -2);
    await logStep(eventId, EventStep.REJECTED, "given up", -1);
    await refuse("03".repeat(16), eventId, { createdAt: "now" });
    const event = await get(formatEventId(eventId));
    expect(event?.receivedTime).toBeUndefined();
    expect(stepsOf(event)).toEqual([
      ["ATTEMPT_FAILED", "inbox", "first"],
      ["REJECTED", "inbox", "given up"],
    ]);
  });

  it("finds nothing of another project, nor what was never sent", async () => {
    const [stored, refused, unknown] = [anEvent(), anEvent(), anEvent()];
    await lab.store([stored]);
    await refuse("04".repeat(16), refused.eventId);
    for (const { eventId } of [stored, refused, unknown]) {
      const request = { eventId: formatEventId(eventId) };
      expect((await lab.refusal("getEvent", request, "2")).reason).toBe("EVENT_NOT_FOUND");
    }
    const request = { eventId: formatEventId(unknown.eventId) };
    expect((await lab.refusal("getEvent", request)).reason).toBe("EVENT_NOT_FOUND");
  });

  it.each(["", "evt_", "evt_xyz", `evt_${"A".repeat(32)}`, "\0", `evt_${"a".repeat(33)}`])(
    "refuses the id %j",
    async (eventId) => {
      const { fields } = await lab.refusal("getEvent", { eventId });
      expect(fields).toEqual(["event_id"]);
    },
  );
});
