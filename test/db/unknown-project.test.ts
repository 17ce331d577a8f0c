/**
 * A project that ANALYZE has not met. The planner believes that it has no rows, so that to it every index which begins
 * with the project is as good as another; the smallest one then reads the whole project for each row that is sought.
 */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { fillRuns } from "../../bench/limits/fill-results.js";
import { Connection } from "../../src/db/client.js";
import { resolveTests } from "../../src/db/tests.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";
import { planOf } from "./plans.js";

vi.setConfig({ testTimeout: 120_000 });
const TESTS = 1_000;
const SPREAD = { tests: TESTS, resultsPerBatch: 50 };
const TABLES = ["tests", "test_windows", "test_days", "batches", "runs", "failures", "part_totals"];

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await insertProjects(db, 2);
  await db.run(
    TABLES.map((table) => `ALTER TABLE ${table} SET (autovacuum_enabled = off);`).join("\n"),
  );
  await fillRuns(db, "1", 0, 1, { tests: 10, resultsPerBatch: 10 });
  await fold();
  // So many that the indexes of a table differ in height.
  const others = "generate_series(1, 40000) i";
  await db.run(`
    INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
    SELECT 1, decode(md5(i::text), 'hex'), '', '', 'test ' || i, '', '{}' FROM ${others};
    CREATE TABLE windows AS SELECT w.* FROM (SELECT * FROM test_windows LIMIT 1) w, generate_series(1, 400000) i;
    CREATE SEQUENCE other_keys START 1000000;
    UPDATE windows SET test_key = nextval('other_keys');
    INSERT INTO test_windows SELECT * FROM windows;
    INSERT INTO batches
    SELECT project_key, -i, -i, part_id, token_id, now(), late, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM (SELECT * FROM batches LIMIT 1) b, generate_series(1, 200000) i;
    ANALYZE`);
  await fillRuns(db, "2", 0, 2, SPREAD);
  await fold();
}, 120_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const fold = () =>
  foldResults({ db, log: createLogger("warn"), now: Date.now, random: Math.random }).runOnce();

it("is folded without reading its rows for each test", async () => {
  await fillRuns(db, "2", 2, 1, SPREAD);
  const before = await readByIndex();
  await fold();
  const after = await readByIndex();
  const read = [...after].filter(([table, rows]) => rows - (before.get(table) ?? 0) > 10 * TESTS);
  expect(read).toEqual([]);
});

it("has its tests found without reading all of them for each", async () => {
  const tests = Array.from({ length: TESTS }, (_, i) => ({
    testId: randomBytes(16),
    suite: "",
    file: "",
    name: `test ${i}`,
    parameters: "",
    variant: "{}",
  }));
  const resolve = (connection: Parameters<typeof resolveTests>[0]) =>
    resolveTests(connection, "2", tests, 10 * TESTS, Date.now() + 60_000);
  const keys = await resolve(db);
  const plan = await planOf(db, async (planned) => {
    expect(await resolve(planned)).toEqual(keys);
  });
  expect(plan.indexes).toContain("tests_by_id");
  expect(plan.scanned).toBeLessThan(10 * TESTS);
});

/** Rows that were read by indexes so far, by table. */
async function readByIndex(): Promise<Map<string, number>> {
  await db.query("SELECT pg_stat_force_next_flush()");
  const rows = await db.query<{ name: string; rows: string }>(
    `SELECT relname AS name, sum(idx_tup_read)::text AS rows
    FROM pg_stat_user_indexes
    WHERE relname = ANY ($1::text[])
    GROUP BY 1`,
    [`{${TABLES.join(",")}}`],
  );
  return new Map(rows.map(({ name, rows: read }) => [name, Number(read)]));
}
