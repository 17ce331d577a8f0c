import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { readFinishedRuns } from "../../src/db/finished-runs.js";
import type { Queryable } from "../../src/db/queryable.js";
import { readRunRecords, readRunSummaries } from "../../src/db/run-records.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { planOf, plansOf } from "./plans.js";

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
    INSERT INTO fold_queue SELECT 1, run_key, 1, '{}', '{}', '{}' FROM runs;
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

it("reads what was refused of a run of many parts once, not once for each part", async () => {
  const PARTS = 20;
  const REFUSED = 100;
  const partId = "decode(lpad(to_hex(p), 32, '0'), 'hex')";
  await db.run(`
    INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given)
    VALUES (4, 'refused', '2026-01-01', 1, now(), false);
    INSERT INTO run_parts (
      project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
    )
    SELECT 4, run_key, ${partId}, '', 1, 0, 0, p, false
    FROM runs, generate_series(1, ${PARTS}) AS p WHERE project_key = 4;
    INSERT INTO rejections (
      project_key, rejection_id, kind, reason, violations, violations_truncated, run_id, run_key, part_id, part,
      item_index, result_id, bytes, client, batch_key, status, test_id, attempt
    )
    SELECT
      4, decode(md5(p || ' ' || i), 'hex'), 1, 2, '[]', false, 'refused', run_key, ${partId}, '', i, 'id ' || i,
      '', '', 1, 2, decode(md5(i::text), 'hex'), 1
    FROM runs, generate_series(1, ${PARTS}) AS p, generate_series(1, ${REFUSED}) AS i WHERE project_key = 4;
    ANALYZE;`);
  const [row] = await db.query<{ run_key: string }>(
    "SELECT run_key FROM runs WHERE project_key = 4",
  );
  const read = (from: Queryable = db) => readRunRecords(from, "4", [row?.run_key ?? ""], Infinity);
  const [record] = await read();
  expect(record?.parts).toHaveLength(PARTS);
  for (const part of record?.parts ?? []) {
    expect(part).toMatchObject({ refusedFailures: REFUSED, hasFailed: true, hasErrored: false });
  }
  const [plan] = await plansOf(db, read);
  expect(plan?.scanned).toBeLessThan(10 * PARTS * REFUSED);
});

describe("a run with many rows of the ledger", () => {
  const ROWS = 5_000;
  let key: string;
  beforeAll(async () => {
    await db.run(`
      INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given, state, status)
      VALUES (2, 'unary', '2026-01-01', 1, now(), false, 2, 2);
      INSERT INTO run_parts (
        project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed, finished_at
      )
      SELECT 2, run_key, decode(repeat('00', 16), 'hex'), '', 1, 0, 0, '', false, now()
      FROM runs WHERE project_key = 2;
      INSERT INTO batches (
        project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count,
        foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
        skipped_count, precluded_count, duration_us
      )
      SELECT
        2, run_key, i, decode(repeat('00', 16), 'hex'), 't', i % 10 = 0, 1, 2, 1, 3, 0,
        (i % 2 = 0)::int, (i % 2 = 1)::int, 0, 0, 0, 7
      FROM runs, generate_series(1, ${ROWS}) AS i WHERE project_key = 2;
      INSERT INTO results (
        project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id
      )
      SELECT 2, run_key, batch_key, batch_key, '2026-01-01', 1 + failed_count, 1, 'only'
      FROM batches WHERE project_key = 2;
      INSERT INTO fold_queue SELECT 2, run_key, batch_key, '{}', '{}', '{}' FROM batches WHERE project_key = 2;
      INSERT INTO run_parts
      SELECT 3, i, part_id, job, attempt, shard_index, shard_total, producer, streamed
      FROM run_parts, generate_series(1, 5000) AS i WHERE project_key = 2;
      INSERT INTO part_totals
      SELECT 3, i, part_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ''
      FROM run_parts, generate_series(1, 5000) AS i WHERE project_key = 2;
      ANALYZE;`);
    const [row] = await db.query<{ run_key: string }>(
      "SELECT run_key FROM runs WHERE project_key = 2",
    );
    key = row?.run_key ?? "";
  });

  const countsOf = async () =>
    (await readRunRecords(db, "2", [key], Infinity))[0]?.parts[0]?.counts;
  const all = {
    accepted: ROWS,
    passed: ROWS / 2,
    failed: ROWS / 2,
    errored: 0,
    skipped: 0,
    precluded: 0,
    durationUs: 7 * ROWS,
    late: ROWS / 10,
    duplicates: 2 * ROWS,
    foreign: ROWS,
    conflicts: 3 * ROWS,
  };

  it("counts what is folded and what is not, each once", async () => {
    expect(await countsOf()).toEqual(all);
    await db.run(FOLD("batch_key % 3 = 0"));
    expect(await countsOf()).toEqual(all);
    await db.run(FOLD("batch_key > 10"));
    expect(await countsOf()).toEqual(all);
  });

  it("takes no row of a weight that the ledger does not have", async () => {
    await db.run(
      `INSERT INTO fold_queue SELECT 2, run_key, batch_key, '{}', '{}', '{}', w
      FROM batches, (VALUES (100, -1), (101, 0)) AS v(k, w) WHERE project_key = 2 AND batch_key = k`,
    );
    expect(await countsOf()).toEqual(all);
  });

  it("reads none of them that is folded", async () => {
    const [plan] = await plansOf(db, (from) => readRunSummaries(from, "2", [key], Infinity));
    expect(plan?.indexes).toEqual(
      expect.arrayContaining(["batches_pkey", "part_totals_pkey", "run_parts_pkey"]),
    );
    // Ten are left in the queue, beside two rows of other weights.
    expect(plan?.scanned).toBeLessThan(60);
  });

  it("is read without its parts where it has finished", async () => {
    const read = (from: Queryable) => readFinishedRuns(from, "2", [key], Infinity);
    expect(await read(db)).toMatchObject([{ status: 2, counts: all, keptRefusals: 0 }]);
    const { indexes, scanned } = await planOf(db, read);
    expect(indexes).toEqual(expect.arrayContaining(["batches_pkey", "part_totals_pkey"]));
    expect(indexes).not.toContain("run_parts_pkey");
    expect(scanned).toBeLessThan(60);
  });

  it("looks up failing tests for its record, but not for a list once it is settled", async () => {
    const [record] = await readRunRecords(db, "2", [key], Infinity);
    expect(record).toMatchObject({ storedStatus: null, parts: [{ hasFailed: true }] });
    const [summary] = await readRunSummaries(db, "2", [key], Infinity);
    expect(summary).toMatchObject({ storedStatus: 2, parts: [{ hasFailed: false }] });
    await db.run("UPDATE runs SET unsettled_at = now() WHERE project_key = 2");
    const [unsettled] = await readRunSummaries(db, "2", [key], Infinity);
    expect(unsettled).toMatchObject({ storedStatus: null, parts: [{ hasFailed: true }] });
    expect(await readFinishedRuns(db, "2", [key], Infinity)).toEqual([]);
  });

  it("takes what all results of a part told, and reads none of them then", async () => {
    const read = (from: Queryable = db) => readRunRecords(from, "2", [key], Infinity);
    const keep = (count: number) =>
      db.query(
        "UPDATE run_parts SET kept_status = 3, kept_count = $1::bigint WHERE project_key = 2",
        [count],
      );
    // A statement was under way while the run was settled.
    await keep(ROWS - 1);
    expect(await read()).toMatchObject([{ parts: [{ hasFailed: true, hasErrored: false }] }]);
    await keep(ROWS);
    expect(await read()).toMatchObject([{ parts: [{ hasFailed: false, hasErrored: true }] }]);
    const [plan] = await plansOf(db, read);
    expect(plan?.indexes.filter((name) => name.startsWith("results_"))).toEqual([]);
    expect(plan?.scanned).toBeLessThan(60);
  });
});

/** What the fold does with queue rows. */
const FOLD = (which: string) => `
  WITH gone AS (
    DELETE FROM fold_queue WHERE project_key = 2 AND weight = 1 AND ${which} RETURNING run_key, batch_key
  )
  INSERT INTO part_totals AS t
  SELECT
    2, run_key, part_id, sum(accepted_count), sum(duplicate_count), sum(foreign_count), sum(conflict_count),
    sum(rejected_count), sum(accepted_count) FILTER (WHERE late), sum(passed_count), sum(failed_count),
    sum(errored_count), sum(skipped_count), sum(precluded_count), sum(duration_us), ''
  FROM batches JOIN gone USING (run_key, batch_key)
  GROUP BY run_key, part_id
  ON CONFLICT (project_key, run_key, part_id) DO UPDATE SET
    accepted_count = t.accepted_count + EXCLUDED.accepted_count,
    duplicate_count = t.duplicate_count + EXCLUDED.duplicate_count,
    foreign_count = t.foreign_count + EXCLUDED.foreign_count,
    conflict_count = t.conflict_count + EXCLUDED.conflict_count,
    late_count = t.late_count + EXCLUDED.late_count,
    passed_count = t.passed_count + EXCLUDED.passed_count,
    failed_count = t.failed_count + EXCLUDED.failed_count,
    duration_us = t.duration_us + EXCLUDED.duration_us`;

async function timed<T>(act: () => Promise<T>): Promise<[number, T]> {
  const startedAt = performance.now();
  const value = await act();
  return [performance.now() - startedAt, value];
}
