/** What adding a part reads, beside many others. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { addPart } from "../../src/db/run-parts.js";
import { limits } from "../../src/limits.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";
import { planOf } from "./plans.js";

const PARTS = 10_000;

let database: TestDatabase;
let db: Connection;
let runKey: string;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await insertProjects(db);
  await db.run(`
    INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given, state_version)
    SELECT 1, i::text, '2026-01-01', 1, now(), false, ${PARTS} FROM generate_series(1, 3000) AS i;
    INSERT INTO run_parts (
      project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
    )
    SELECT 1, run_key, decode(md5(i::text), 'hex'), i::text, 1, 0, 0, '', false
    FROM runs, generate_series(1, CASE run_id WHEN '7' THEN ${PARTS} ELSE 10 END) AS i`);
  await db.run("VACUUM ANALYZE");
  const [run] = await db.query<{ run_key: string }>("SELECT run_key FROM runs WHERE run_id = '7'");
  runKey = run?.run_key ?? "";
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

let parts = 0;
const add = (from: Connection) => {
  const partId = Buffer.alloc(16);
  partId.writeUInt32BE(++parts);
  const facts = { job: `new ${parts}`, attempt: 1, shardIndex: 0, shardTotal: 0, producer: "" };
  return addPart(from, "1", runKey, { ...facts, partId, streamed: false }, Infinity);
};
const planOfAdding = () => planOf(db, (from) => add(from as Connection));

describe("a part", () => {
  it("is added without a look at the others while the run has changed less often than it may have parts", async () => {
    const plan = await planOfAdding();
    expect(plan).toMatchObject({ sequential: [] });
    expect(plan.scanned).toBeLessThan(10);
  });

  it("of a run that changed more often is added after a count of its parts by run_parts_pkey", async () => {
    await db.query("UPDATE runs SET state_version = $2::int WHERE run_key = $1", [
      runKey,
      limits.runParts,
    ]);
    const plan = await planOfAdding();
    expect(plan.sequential).toEqual([]);
    expect(plan.indexes).toContain("run_parts_pkey");
    expect(plan.scanned).toBeGreaterThanOrEqual(PARTS);
    expect(plan.scanned).toBeLessThan(PARTS + 20);
  });

  it("is added to no run that is full", async () => {
    await db.query(
      `INSERT INTO run_parts (
        project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
      )
      SELECT 1, $1, decode(md5('full' || i), 'hex'), '', 1, 0, 0, '', false FROM generate_series(1, $2::int) AS i`,
      [runKey, limits.runParts - PARTS - 2],
    );
    expect(await add(db)).toBe("full");
  });
});
