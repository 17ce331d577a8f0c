/**
 * A database that has just been made: nothing in it is analyzed, and a connection keeps the plans that it made while there
 * was next to nothing. The planner believes that a project has a row or two in each table.
 */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { fillRuns } from "../../bench/limits/fill-results.js";
import { Connection } from "../../src/db/client.js";
import { readFailureGroupDetails } from "../../src/db/failure-group-details.js";
import { readFlakeEvidence } from "../../src/db/flake-evidence.js";
import { listFlakyKeys } from "../../src/db/flaky-tests.js";
import { readMissingTests } from "../../src/db/missing-tests.js";
import type { Queryable } from "../../src/db/queryable.js";
import { compareRuns } from "../../src/db/run-comparison.js";
import { listRunResults } from "../../src/db/run-results.js";
import { readTestHistory } from "../../src/db/test-history.js";
import { listTestKeys } from "../../src/db/test-lists.js";
import { readTestRecords } from "../../src/db/test-records.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";
import { createKeptPlans } from "./plans.js";

vi.setConfig({ testTimeout: 120_000 });
const TESTS = 2_000;

let database: TestDatabase;
let db: Connection;
let plansOf: ReturnType<typeof createKeptPlans>;
/** Oldest first. */
let runs: string[];
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  const tables = await db.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  );
  await db.run(
    tables.map(({ name }) => `ALTER TABLE ${name} SET (autovacuum_enabled = off);`).join("\n"),
  );
  await insertProjects(db);
  await fill(0, 1, 5);
  plansOf = createKeptPlans(db);
  for (const read of Object.values(READS)) await plansOf(read);
  await fill(2, 6, TESTS);
}, 120_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** Stores two runs with one result of each test, and folds them. */
async function fill(firstRun: number, firstTest: number, lastTest: number): Promise<void> {
  await db.query(
    `INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
    SELECT 1, decode(md5(i::text), 'hex'), 'suite', 'file', 'test ' || i, '', '{}'
    FROM generate_series($1::int, $2::int) AS i`,
    [firstTest, lastTest],
  );
  await fillRuns(db, "1", firstRun, 2, { tests: lastTest, resultsPerBatch: 500 });
  const now = Date.now;
  await foldResults({ db, log: createLogger("warn"), now, random: Math.random }).runOnce();
  const rows = await db.query<{ run_key: string }>("SELECT run_key FROM runs ORDER BY run_key");
  runs = rows.map(({ run_key }) => run_key);
}

const [oldest, newest] = [() => runs[0] ?? "", () => runs.at(-1) ?? ""];
const page = { after: null, limit: 51, maxBytes: 1_000_000, maxExamined: 1_000 };

const READS: Readonly<Record<string, (db: Queryable) => Promise<unknown>>> = {
  "tests with a text": (from) =>
    listTestKeys(from, "1", { days: 30, order: "failures", text: "test" }, null, 51, Infinity),
  "tests, their records": (from) =>
    readTestRecords(
      from,
      "1",
      Array.from({ length: 50 }, (_, i) => `${i + 1}`),
      30,
      Infinity,
    ),
  "flaky tests": (from) => listFlakyKeys(from, "1", 30, null, 51, Infinity),
  "flaky tests, their evidence": (from) =>
    readFlakeEvidence(from, "1", [{ testKey: "1", sinceUs: 0 }], 10, Infinity),
  "results of a test": (from) => readTestHistory(from, "1", "1", null, 50, Infinity),
  "results of a run with a text": (from) =>
    listRunResults(
      from,
      "1",
      newest(),
      { testKey: null, statuses: [], text: "test" },
      page,
      Infinity,
    ),
  "a comparison": (from) => compareRuns(from, "1", oldest(), newest(), 1_000, 100, Infinity),
  "missing tests of a run that goes on": async (from) => {
    await db.query(
      `WITH run AS (
        UPDATE runs SET missing_version = state_version, missing_count = 3 WHERE run_key = $1 RETURNING *
      )
      INSERT INTO missing_tests (project_key, run_key, state_version, test_key, last_run_key, place, job)
      SELECT 1, run_key, state_version, 1000000 + i, run_key, i, 'unit' FROM run, generate_series(1, 3) AS i`,
      [newest()],
    );
    expect(await readMissingTests(from, "1", newest(), 100, Infinity)).toMatchObject({ count: 3 });
  },
  "failure groups": async (from) => {
    const rows = await from.query<{ name: string }>(
      "SELECT lpad(to_hex(fingerprint), 16, '0') AS name FROM failure_groups WHERE project_key = 1 LIMIT 5",
    );
    const rule = { minFailures: 20, maxResultsPerFailure: 20, maxRuns: 10 };
    const names = rows.map(({ name }) => name);
    await readFailureGroupDetails(from, "1", names, { sinceUs: 0 }, rule, Infinity);
    return readFailureGroupDetails(from, "1", names, { runKey: newest() }, rule, Infinity);
  },
};

it.each(Object.keys(READS))(
  "%s: no rows of a project are looked at for each of others",
  async (name) => {
    const read = READS[name];
    const plans = read === undefined ? [] : await plansOf(read);
    expect(plans).not.toEqual([]);
    for (const { scanned, vain } of plans) {
      expect(scanned).toBeLessThan(5 * TESTS);
      expect(vain).toBeLessThan(5 * TESTS);
    }
  },
);
