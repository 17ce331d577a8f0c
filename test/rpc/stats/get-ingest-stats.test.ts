import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IngestKind } from "../../../gen/tally/v1/stats_service_pb.js";
import { drawKey } from "../../db/event-rows.js";
import { at, EventLab } from "../events/support.js";

let lab: EventLab;
beforeAll(async () => {
  lab = await EventLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());
beforeEach(async () => {
  await lab.db.query("TRUNCATE batches, event_batches, rejections, inbox");
});

/** A row of the ledger of results: accepted, duplicate, conflict, rejected. */
const results = (tokenId: string, counts: number[], createdAt = "now", projectKey = 1) =>
  lab.db.query(
    `INSERT INTO batches (
      project_key, run_key, batch_key, part_id, token_id, created_at, late, accepted_count, duplicate_count,
      foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
      skipped_count, precluded_count, duration_us
    )
    VALUES (
      $1::bigint, 1, $2::bigint, '', $3, $4::text::timestamptz, false, $5::int, $6::int, 0, $7::int, $8::int,
      $5::int, 0, 0, 0, 0, 0
    )`,
    [projectKey, drawKey(), tokenId, createdAt, ...counts],
  );
/** A row of the ledger of events: processed, queued, duplicate, conflict, rejected. */
const events = (client: string, counts: number[], createdAt = "now", projectKey = 1) =>
  lab.db.query(
    `INSERT INTO event_batches (
      project_key, batch_key, client, created_at, token_id, processed_count, queued_count, duplicate_count,
      conflict_count, rejected_count
    )
    VALUES (
      $1::bigint, $2::bigint, $3, $4::text::timestamptz, 't', $5::int, $6::int, $7::int, $8::int, $9::int
    )`,
    [projectKey, drawKey(), client, createdAt, ...counts],
  );
const refuse = (kind: number, reason: number, state: number, projectKey = 1) =>
  lab.db.query(
    `INSERT INTO rejections (
      project_key, rejection_id, kind, reason, state, violations, violations_truncated, run_id, part,
      item_index, result_id, client, batch_key, closed_at
    )
    VALUES (
      $1::bigint, decode(md5($5::text), 'hex'), $2::smallint, $3::smallint, $4::smallint, '[]', false, '', '',
      0, '', '', 1, CASE WHEN $4::smallint > 1 THEN now() END
    )`,
    [projectKey, kind, reason, state, drawKey()],
  );
const wait = (queuedAt: string, projectKey = 1) =>
  lab.db.query(
    `INSERT INTO inbox (project_key, event_id, queued_at)
    VALUES ($1::bigint, decode(md5($3::text), 'hex'), $2::text::timestamptz)`,
    [projectKey, queuedAt, drawKey()],
  );
const brief = async (request = {}) =>
  (await lab.call("getIngestStats", request)).counts.map((c) => [
    IngestKind[c.kind],
    c.client,
    Number(c.receivedCount),
  ]);
const seconds = (time: Timestamp | undefined) => Number(time?.seconds ?? 0n);

describe("GetIngestStats", () => {
  it("counts by kind and sender, with rates, the busiest first", async () => {
    await results("token-a", [2, 1, 0, 0]);
    await results("token-a", [3, 0, 1, 1]);
    await results("token-b", [20, 0, 0, 0]);
    await events("site-1", [4, 6, 5, 2, 3]);
    await events("", [0, 0, 0, 0, 7]);
    await events("silent", [0, 0, 0, 0, 0]);
    const { counts, countsTruncated } = await lab.call("getIngestStats", {});
    expect(countsTruncated).toBe(false);
    expect(counts).toMatchObject([
      { kind: IngestKind.RESULT, client: "token-b", receivedCount: 20n, acceptedRate: 1 },
      {
        kind: IngestKind.RESULT,
        client: "token-a",
        receivedCount: 8n,
        acceptedCount: 5n,
        duplicateCount: 1n,
        conflictCount: 1n,
        rejectedCount: 1n,
        queuedCount: 0n,
        acceptedRate: 5 / 8,
        duplicateRate: 1 / 8,
        refusedRate: 2 / 8,
      },
      {
        kind: IngestKind.EVENT,
        client: "site-1",
        receivedCount: 20n,
        acceptedCount: 4n,
        queuedCount: 6n,
        duplicateCount: 5n,
        conflictCount: 2n,
        rejectedCount: 3n,
        acceptedRate: 0.5,
        duplicateRate: 0.25,
        refusedRate: 0.25,
      },
      { kind: IngestKind.EVENT, client: "", receivedCount: 7n, rejectedCount: 7n, refusedRate: 1 },
    ]);
  });

  it("takes the last 24 hours, or the window that is asked for", async () => {
    await events("old", [1, 0, 0, 0, 0], "2025-11-10T00:00:00Z");
    await events("older", [1, 0, 0, 0, 0], "2025-11-09T23:59:59.999999Z");
    await results("end", [1, 0, 0, 0], "2025-11-11T00:00:00Z");
    await events("recent", [1, 0, 0, 0, 0]);
    await events("yesterday", [1, 0, 0, 0, 0]);
    const age =
      "UPDATE event_batches SET created_at = now() - $2::text::interval WHERE client = $1";
    await lab.db.query(age, ["recent", "23 hours 59 minutes"]);
    await lab.db.query(age, ["yesterday", "24 hours 1 minute"]);
    expect(await brief()).toEqual([["EVENT", "recent", 1]]);
    const window = { startTime: at("2025-11-10T00:00:00Z"), endTime: at("2025-11-11T00:00:00Z") };
    expect(await brief(window)).toEqual([["EVENT", "old", 1]]);
    expect(await brief({ endTime: window.endTime })).toEqual([["EVENT", "old", 1]]);
    const { startTime, endTime } = await lab.call("getIngestStats", {});
    expect(seconds(endTime) - seconds(startTime)).toBe(24 * 3600);
    const asked = await lab.call("getIngestStats", window);
    expect([asked.startTime, asked.endTime]).toMatchObject([window.startTime, window.endTime]);
  });

  it("tells what is open, and how deep and old the inbox is", async () => {
    await refuse(3, 1, 1);
    await refuse(3, 1, 1);
    await refuse(1, 2, 1);
    await refuse(1, 1, 1);
    await refuse(3, 1, 2);
    await refuse(3, 1, 3);
    await wait("2025-11-10T00:00:00Z");
    await wait("2025-11-09T00:00:00Z");
    const stats = await lab.call("getIngestStats", {});
    expect(stats.openRejections).toMatchObject([
      { kind: 1, reason: 1, count: 1n },
      { kind: 1, reason: 2, count: 1n },
      { kind: 3, reason: 1, count: 2n },
    ]);
    expect(stats.inboxDepth).toBe(2n);
    expect(stats.inboxOldestTime).toMatchObject(at("2025-11-09T00:00:00Z"));
  });

  it("answers nothing of a quiet project, and of no other one", async () => {
    await results("t", [1, 0, 0, 0], "now", 2);
    await events("c", [1, 0, 0, 0, 0], "now", 2);
    await refuse(3, 1, 1, 2);
    await wait("now", 2);
    const stats = await lab.call("getIngestStats", {});
    expect(stats).toMatchObject({ counts: [], openRejections: [], inboxDepth: 0n });
    expect(stats.inboxOldestTime).toBeUndefined();
  });

  it("lists the first 1,000 senders", async () => {
    await lab.db.query(
      `INSERT INTO event_batches (
        project_key, batch_key, client, token_id, processed_count, queued_count, duplicate_count,
        conflict_count, rejected_count
      )
      SELECT 1, i, 'client ' || to_char(i, '0000'), 't', 1, 0, 0, 0, 0 FROM generate_series(1, 1001) AS i`,
    );
    const { counts, countsTruncated } = await lab.call("getIngestStats", {});
    expect(countsTruncated).toBe(true);
    expect(counts).toHaveLength(1000);
    expect(counts.at(-1)?.client).toBe("client  1000");
  });

  it("takes 366 days, and no more", async () => {
    const endTime = at("2025-01-01T00:00:00Z");
    const startTime = at("2024-01-01T00:00:00Z");
    await lab.call("getIngestStats", { startTime, endTime });
    const before = { ...startTime, seconds: startTime.seconds - 1n };
    const refused = await lab.refusal("getIngestStats", { startTime: before, endTime });
    expect(refused).toEqual({ reason: "INVALID_REQUEST", fields: ["start_time"] });
  });

  it.each([
    ["start_time", { startTime: at("2020-01-01T00:00:00Z") }],
    ["start_time", { startTime: at("2190-01-01T00:00:00Z") }],
    ["start_time", { startTime: at("2025-01-02T00:00:00Z"), endTime: at("2025-01-01T00:00:00Z") }],
    ["end_time", { endTime: { seconds: -1n } }],
  ])("refuses a bad %s", async (field, request) => {
    expect((await lab.refusal("getIngestStats", request)).fields).toEqual([field]);
  });
});
