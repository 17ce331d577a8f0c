import { afterAll, beforeAll, expect, it } from "vitest";
import { ensureResultsPartition } from "../../../src/db/results-partitions.js";
import { readRetainedEvents } from "../../../src/db/retained-events.js";
import { TenancyLab } from "./support.js";

let lab: TenancyLab;
beforeAll(async () => {
  lab = await TenancyLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

it("reports nothing for a project without runs", async () => {
  const projectId = await lab.project();
  expect(await lab.call("getRetentionReport", { projectId })).toMatchObject({
    retentionDays: 0,
    runCount: 0n,
    resultCount: 0n,
    estimatedResultBytes: 0n,
    keptRefusalBytes: 0n,
    eventRetentionDays: 0,
    eventCount: 0n,
    estimatedEventBytes: 0n,
    droppedEventCount: 0n,
  });
});

it("counts what is kept, its share of the disk, and when the oldest day leaves", async () => {
  const projectId = await lab.project();
  const other = await lab.project();
  const update = { project: { projectId, settings: { retentionDays: 30 } } };
  await lab.call("updateProject", { ...update, updateMask: { paths: ["settings"] } });
  for (const day of ["2026-03-05", "2026-04-01"]) await ensureResultsPartition(lab.pool, day);
  await storeRun(projectId, "a", "2026-03-05", 3_000);
  await storeRun(projectId, "b", "2026-04-01", 1_000);
  await storeRun(other, "a", "2026-03-05", 9_000);
  // Deleted and expired runs keep nothing that counts.
  await storeRun(projectId, "deleted", "2026-03-01", 500, "deleted_at");
  await storeRun(projectId, "expired", "2026-03-02", 500, "expired_at");
  // Also before anybody has counted the partition's rows.
  const unknown = await lab.call("getRetentionReport", { projectId });
  expect(unknown.estimatedResultBytes).toBeGreaterThan(0n);
  await lab.pool.query("ANALYZE results");
  const report = await lab.call("getRetentionReport", { projectId });
  expect(report).toMatchObject({ retentionDays: 30, runCount: 2n, resultCount: 4_000n });
  expect(report.oldestRunTime?.seconds).toBe(BigInt(Date.parse("2026-03-05T12:00:00Z") / 1000));
  // The 5th leaves when all of it is more than 30 days old.
  expect(report.nextDropTime?.seconds).toBe(BigInt(Date.parse("2026-04-05T00:00:00Z") / 1000));
  const [march, april] = await Promise.all(["results_2026_03", "results_2026_04"].map(size));
  const expected = ((march ?? 0) * 3_000) / 13_000 + (april ?? 0);
  expect(Number(report.estimatedResultBytes)).toBeGreaterThan(expected * 0.95);
  expect(Number(report.estimatedResultBytes)).toBeLessThan(expected * 1.05);
  const ofOther = await lab.call("getRetentionReport", { projectId: other });
  expect(ofOther).toMatchObject({ runCount: 1n, resultCount: 9_000n });
  expect(ofOther.nextDropTime).toBeUndefined();
});

it("counts results that are folded, and those that are not yet", async () => {
  const projectId = await lab.project();
  await ensureResultsPartition(lab.pool, "2026-03-05");
  await storeRun(projectId, "folded", "2026-03-05", 30);
  await lab.pool.query(
    `WITH folded AS (
      DELETE FROM fold_queue q USING projects p
      WHERE p.project_id = $1 AND q.project_key = p.project_key
      RETURNING q.project_key, q.run_key
    )
    INSERT INTO part_totals
    SELECT project_key, run_key, '', 30, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, '' FROM folded`,
    [projectId],
  );
  await storeRun(projectId, "not yet", "2026-03-05", 4);
  expect(await lab.call("getRetentionReport", { projectId })).toMatchObject({ resultCount: 34n });
});

it("counts the events whose content is kept, and those that are remembered without it", async () => {
  const projectId = await lab.project();
  const other = await lab.project();
  const [row] = await lab.pool.query<{ project_key: string }>(
    "UPDATE projects SET event_retention_days = 30 WHERE project_id = $1 RETURNING project_key",
    [projectId],
  );
  const key = row?.project_key ?? "";
  const [second] = await lab.pool.query<{ project_key: string }>(
    "SELECT project_key FROM projects WHERE project_id = $1",
    [other],
  );
  await lab.pool.query(STORE_EVENTS, [key, 300, 2]);
  await lab.pool.query(STORE_EVENTS, [key, 20, 4]);
  await lab.pool.query(STORE_EVENTS, [second?.project_key ?? "", 700, 2]);
  await lab.pool.query("ANALYZE events");
  const report = await lab.call("getRetentionReport", { projectId });
  expect(report).toMatchObject({
    eventRetentionDays: 30,
    eventCount: 300n,
    droppedEventCount: 20n,
  });
  const seconds = (time: string) => BigInt(Date.parse(time) / 1000);
  expect(report.oldestEventTime?.seconds).toBe(seconds("2026-03-05T12:00:01Z"));
  expect(report.nextEventDropTime?.seconds).toBe(seconds("2026-04-05T00:00:00Z"));
  const expected = ((await size("events")) * 300) / 1_020;
  expect(Number(report.estimatedEventBytes)).toBeGreaterThan(expected * 0.95);
  expect(Number(report.estimatedEventBytes)).toBeLessThan(expected * 1.05);
  const ofOther = await lab.call("getRetentionReport", { projectId: other });
  expect(ofOther).toMatchObject({ eventCount: 700n, droppedEventCount: 0n });
  expect(ofOther.nextEventDropTime).toBeUndefined();
  // More than are counted one by one: as the statistics say.
  const estimated = await readRetainedEvents(lab.pool, key, 10, Infinity);
  expect(estimated?.count).toBeGreaterThan(200);
  expect(estimated?.count).toBeLessThan(400);
  expect(estimated?.droppedCount).toBeGreaterThan(10);
  expect(estimated?.droppedCount).toBeLessThan(40);
});

it("reports the bytes of open refusals", async () => {
  const projectId = await lab.project();
  await lab.pool.query(
    `INSERT INTO rejection_usage (project_key, kept_bytes, max_bytes)
     SELECT project_key, 123, 1000 FROM projects WHERE project_id = $1`,
    [projectId],
  );
  expect(await lab.call("getRetentionReport", { projectId })).toMatchObject({
    keptRefusalBytes: 123n,
  });
});

const STORE_EVENTS = `
  INSERT INTO events (
    project_key, event_id, state, received_at, dropped_at, occurred_at, amount, batch_key, normalizer_version,
    client, metric, raw
  )
  SELECT
    $1::bigint, decode(md5($3::smallint || '/' || n), 'hex'), $3::smallint,
    timestamptz '2026-03-05 12:00:00Z' + n * interval '1 second', CASE $3::smallint WHEN 4 THEN now() END, now(), 1,
    1, 1, CASE $3::smallint WHEN 4 THEN '' ELSE 'c' END, CASE $3::smallint WHEN 4 THEN '' ELSE 'm' END, ''
  FROM generate_series(1, $2::int) AS n`;

async function size(partition: string): Promise<number> {
  const [row] = await lab.pool.query<{ bytes: string }>(
    "SELECT pg_total_relation_size($1::text::regclass) AS bytes",
    [partition],
  );
  return Number(row?.bytes);
}

/** A run with results, the ledger's row and the queue's, as the write path leaves them. */
async function storeRun(
  projectId: string,
  runId: string,
  day: string,
  results: number,
  gone?: "deleted_at" | "expired_at",
): Promise<void> {
  const [run] = await lab.pool.query<{ project_key: string; run_key: string }>(
    `INSERT INTO runs (
       project_key, run_id, run_day, created_at, open_key, started_at, start_given${gone ? `, ${gone}` : ""}
     )
     SELECT project_key, $2::text, $3::text::date, $3::text::timestamp AT TIME ZONE 'UTC' + interval '12 hours',
       1, now(), false${gone ? ", now()" : ""}
     FROM projects WHERE project_id = $1
     RETURNING project_key, run_key`,
    [projectId, runId, day],
  );
  const keys = [run?.project_key ?? "", run?.run_key ?? ""];
  await lab.pool.query(
    `INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
     SELECT $1, $2, n, 1, $3::text::date, 1, 1, 'result'
     FROM generate_series(1, $4::int) AS n`,
    [...keys, day, results],
  );
  await lab.pool.query(
    `INSERT INTO batches (
       project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count, foreign_count,
       conflict_count, rejected_count, passed_count, failed_count, errored_count, skipped_count,
       precluded_count, duration_us
     )
     VALUES ($1, $2, 1, '\\x00', '', false, $3::int, 0, 0, 0, 0, $3::int, 0, 0, 0, 0, 0)`,
    [...keys, results],
  );
  await lab.pool.query(
    `INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
    VALUES ($1, $2, 1, '{}', '{}', '{}')`,
    keys,
  );
}
