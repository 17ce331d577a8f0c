import { afterAll, beforeAll, expect, it } from "vitest";
import { ensureResultsPartition } from "../../../src/db/results-partitions.js";
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

async function size(partition: string): Promise<number> {
  const [row] = await lab.pool.query<{ bytes: string }>(
    "SELECT pg_total_relation_size($1::text::regclass) AS bytes",
    [partition],
  );
  return Number(row?.bytes);
}

/** A run with results and the ledger's row, as the write path leaves them. */
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
}
