import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { readRunRecords } from "../../src/db/run-records.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

it("reads the failures of a much-repeated test once, not once for each other", async () => {
  await db.run(`
    SELECT ensure_results_partition(DATE '2026-01-01');
    INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given)
    VALUES (1, 'r', '2026-01-01', 1, now(), false);
    INSERT INTO run_parts (
      project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
    )
    SELECT 1, run_key, decode(repeat('00', 16), 'hex'), '', 1, 0, 0, '', false FROM runs;
    INSERT INTO results (
      project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id
    )
    SELECT 1, run_key, 7, 1, run_day, 2, 1, 'repeat ' || i FROM runs, generate_series(1, 20000) i;
    INSERT INTO batches (
      project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count,
      foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
      skipped_count, precluded_count, duration_us
    )
    SELECT
      1, run_key, 1, decode(repeat('00', 16), 'hex'), 't', false, 20000, 0, 0, 0, 0, 0, 20000, 0, 0, 0, 0
    FROM runs;
    ANALYZE results;`);
  const [key] = await db.query<{ run_key: string }>("SELECT run_key FROM runs");
  const keys = [key?.run_key ?? ""];
  const plain = async () => (await timed(() => readRunRecords(db, "1", keys, Infinity)))[0];
  const [, record] = await timed(() => readRunRecords(db, "1", keys, Infinity));
  expect(record[0]?.parts[0]).toMatchObject({ hasFailed: true, hasErrored: false });
  // 20,000 failures of one test, each compared with each, would be 400 million rows: minutes.
  const [scan] = await timed(() => db.query("SELECT count(DISTINCT result_id) FROM results"));
  expect(await plain()).toBeLessThan(100 * scan + 2000);
});

async function timed<T>(act: () => Promise<T>): Promise<[number, T]> {
  const startedAt = performance.now();
  const value = await act();
  return [performance.now() - startedAt, value];
}
