/** The plans of what is asked of whole runs, beside many others. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBaseRuns } from "../../src/db/base-runs.js";
import { Connection } from "../../src/db/client.js";
import { findMissingTests } from "../../src/db/missing-test-search.js";
import { listMissingDue, readMissingTests } from "../../src/db/missing-tests.js";
import { listWatchedRuns, readRunChanges } from "../../src/db/run-changes.js";
import { compareRuns } from "../../src/db/run-comparison.js";
import { readBatchFailures, readNewestFailures } from "../../src/db/run-failures.js";
import { projectsWithMissingDue } from "../../src/db/work.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { plansOf } from "./plans.js";
import { storeRuns } from "./run-rows.js";

const TESTS = 5_000;
const FAILING = TESTS / 50;

let database: TestDatabase;
let db: Connection;
let keys: string[];
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await db.run(`
    INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
    SELECT 1, decode(md5(i::text), 'hex'), 'suite', 'file', i::text, '', '{}' FROM generate_series(1, ${TESTS}) AS i`);
  const results = Array.from({ length: TESTS }, (_, i) => ({
    testKey: i + 1,
    status: i % 50 === 0 ? 2 : 1,
  }));
  const large = [1, 2, 3, 4, 5, 6, 7].map((minute) => ({
    runId: `large ${minute}`,
    startedAt: `2026-01-10T10:0${minute}:00Z`,
    branch: "large",
    results: minute === 7 ? results.slice(0, TESTS - 10) : results,
  }));
  keys = await storeRuns(db, large);
  const small = Array.from({ length: 3_000 }, (_, i) => ({
    runId: `small ${i}`,
    startedAt: new Date(Date.parse("2026-01-11T00:00:00Z") + i * 1000).toISOString(),
    results: [{ testKey: 1 + (i % 100), status: 1 + (i % 2) }],
  }));
  await storeRuns(db, small);
  await db.run("UPDATE runs SET state = 2, status = 1, settled_at = created_at");
  await db.run(
    "UPDATE runs SET missing_due_at = now() - interval '1 hour' WHERE run_id = 'large 7'",
  );
  await db.run(`
    INSERT INTO missing_tests SELECT 1, run_key, 0, 1, 1, 1, '' FROM runs;
    INSERT INTO failures SELECT 2, i, i, 1, now(), 2, 1, false, 'r', 'j', '', '' FROM generate_series(1, 3000) AS i;
    INSERT INTO test_windows
    SELECT
      2, i, 1, now(), 0, 0, 0, 0, now()::date,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      1, 0, 0, 0, 0, '', '', '', ''
    FROM generate_series(1, 3000) AS i`);
  await db.run("VACUUM ANALYZE");
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const planOf = async (read: (from: Connection) => Promise<unknown>) => {
  const [plan] = await plansOf(db, (from) => read(from as Connection));
  if (plan === undefined) throw new Error("nothing was read");
  return plan;
};
const key = (of: number) => keys[of] ?? "";
const PKEY = "results_2026_01_pkey";
const FAILURES = "results_2026_01_project_key_run_day_run_key_test_key_result_idx";
const US = (time: string) => Date.parse(time) * 1000;

describe("a comparison", () => {
  it("reads the results of its two runs, once each", async () => {
    const plan = await planOf((from) => compareRuns(from, "1", key(5), key(6), 10, 100, Infinity));
    expect(plan.sequential).toEqual([]);
    expect(plan.indexes).toContain(PKEY);
    expect(plan.scanned).toBeLessThan(2 * TESTS + 200);
  });
});

describe("missing tests", () => {
  it("are due by runs_missing_due", async () => {
    for (const read of [
      (from: Connection) => projectsWithMissingDue(from, US("2040-01-01T00:00:00Z")),
      (from: Connection) => listMissingDue(from, "1", US("2040-01-01T00:00:00Z"), 10),
    ]) {
      const plan = await planOf(read);
      expect(plan).toMatchObject({ indexes: ["runs_missing_due"], sequential: [], scanned: 1 });
    }
  });

  it("look for base runs by runs_by_branch, as far as they have to", async () => {
    const plan = await planOf((from) => readBaseRuns(from, "1", key(6), ["unit"], Infinity));
    expect(plan.sequential).toEqual([]);
    expect(plan.indexes).toEqual(expect.arrayContaining(["run_parts_pkey", "runs_by_branch"]));
    expect(plan.scanned).toBeLessThan(30);
  });

  it("of a job that no run had look through 500 runs", async () => {
    const [small] = await db.query<{ run_key: string }>(
      "SELECT run_key FROM runs WHERE run_id = 'small 2999'",
    );
    const plan = await planOf((from) =>
      readBaseRuns(from, "1", small?.run_key ?? "", ["none"], Infinity),
    );
    expect(plan.scanned).toBeLessThan(1_100);
  });

  it("read the results of six runs, once each, whatever the number of jobs", async () => {
    const bases = await readBaseRuns(db, "1", key(6), ["unit"], Infinity);
    expect(bases.map(({ runKey }) => runKey)).toEqual([5, 4, 3, 2, 1].map(key));
    const two = [...bases, ...bases.map((base) => ({ ...base, job: "none" }))];
    const find = (from: Connection) => findMissingTests(from, "1", key(6), two, "0", 3, Infinity);
    expect(await find(db)).toEqual({
      count: 10,
      next: null,
      first: [TESTS - 9, TESTS - 8, TESTS - 7].map((testKey) => ({
        testKey: String(testKey),
        job: "unit",
        lastRunKey: key(5),
      })),
    });
    const plan = await planOf(find);
    expect(plan.sequential).toEqual([]);
    expect(plan.indexes).toContain(PKEY);
    expect(plan.scanned).toBeLessThan(6 * TESTS + 100);
  });

  it("are read by their key", async () => {
    const plan = await planOf((from) => readMissingTests(from, "1", key(6), 100, Infinity));
    expect(plan.sequential).toEqual([]);
    expect(plan.scanned).toBeLessThan(10);
    await db.query("UPDATE runs SET missing_version = 0 WHERE run_key = $1", [key(6)]);
    const found = await planOf((from) => readMissingTests(from, "1", key(6), 100, Infinity));
    expect(found.sequential).toEqual([]);
    expect(found.indexes).toContain("missing_tests_pkey");
    expect(found.scanned).toBeLessThan(10);
  });
});

describe("what watchers look for", () => {
  it("is found by its indexes, and costs nothing when nothing changed", async () => {
    const quiet = await planOf((from) =>
      readRunChanges(from, "1", US("2040-01-01T00:00:00Z"), [], Infinity),
    );
    expect(quiet).toMatchObject({ sequential: [], scanned: 0 });
    expect(quiet.indexes).toEqual(
      expect.arrayContaining([
        "batches_by_time",
        "runs_by_settling",
        "runs_running",
        "runs_to_purge",
      ]),
    );
    const since = US("2026-01-11T00:49:55Z");
    await db.query(
      "UPDATE batches b SET created_at = r.created_at FROM runs r WHERE r.run_key = b.run_key",
    );
    await db.run("ANALYZE batches");
    const changes = await readRunChanges(db, "1", since, [], Infinity);
    expect(changes.runs.map(({ runId }) => runId).sort()).toEqual(
      [2995, 2996, 2997, 2998, 2999].map((i) => `small ${i}`),
    );
    expect(changes.runs.filter(({ failingBatches }) => failingBatches.length === 1)).toHaveLength(
      3,
    );
    const busy = await planOf((from) => readRunChanges(from, "1", since, [], Infinity));
    expect(busy.scanned).toBeLessThan(30);
  });

  it("knows what is deleted by the keys of runs", async () => {
    await db.query(
      "UPDATE runs SET deleted_at = now(), purged_at = now() WHERE run_id = 'small 7'",
    );
    const known = await db.query<{ run_key: string }>(
      "SELECT run_key FROM runs WHERE run_id IN ('small 6', 'small 7')",
    );
    const later = US("2040-01-01T00:00:00Z");
    const { runs } = await readRunChanges(
      db,
      "1",
      later,
      known.map((row) => row.run_key),
      Infinity,
    );
    expect(runs).toMatchObject([{ runId: "small 7", deleted: true, failingBatches: [] }]);
  });

  it("begins with the newest runs, by time and by state", async () => {
    const plan = await planOf((from) =>
      listWatchedRuns(from, "1", { branch: "", runId: "" }, 100, Infinity),
    );
    expect(plan).toMatchObject({ sequential: [] });
    expect(plan.scanned).toBeLessThan(10);
    const one = { branch: "", runId: "large 3" };
    expect(await listWatchedRuns(db, "1", one, 100, Infinity)).toEqual([key(2)]);
  });

  it("reads failures by results_failures", async () => {
    const bounds = { limit: 10, maxBytes: 1e6 };
    for (const read of [
      (from: Connection) => readNewestFailures(from, "1", key(3), bounds, Infinity),
      (from: Connection) => readBatchFailures(from, "1", key(3), [key(3), "1"], bounds, Infinity),
    ]) {
      const { failures, truncated } = await read(db);
      expect(failures).toHaveLength(10);
      expect(truncated).toBe(true);
      const plan = await planOf(read);
      expect(plan.sequential).toEqual([]);
      expect(plan.indexes).toContain(FAILURES);
      expect(plan.scanned).toBeLessThan(FAILING + 100);
    }
  });
});

it("finds what is missing in several stretches, each once", async () => {
  // One test has more results than a stretch reads.
  await db.run(`
    INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
    SELECT 3, decode(md5('x' || i), 'hex'), 's', 'f', i::text, '', '{}' FROM generate_series(1, 500) AS i`);
  const tests = await db.query<{ k: number }>(
    "SELECT test_key::int AS k FROM tests WHERE project_key = 3 ORDER BY 1",
  );
  const runs = [1, 2, 3, 4].map((minute) => ({
    runId: `r${minute}`,
    startedAt: `2026-01-10T10:0${minute}:00Z`,
    projectKey: 3,
    results: tests.flatMap(({ k }, i) => (minute === 4 && i % 50 === 7 ? [] : [{ testKey: k }])),
  }));
  const [, , base = "", now = ""] = await storeRuns(db, runs);
  await db.query(
    `INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
    SELECT 3, run_key, $1::bigint, run_key, run_day, 1, 1, 'repeat ' || i
    FROM runs, generate_series(1, 35000) AS i WHERE run_key = $2::bigint`,
    [tests[100]?.k ?? 0, base],
  );
  await db.query(
    `UPDATE batches SET accepted_count = accepted_count + 35000, passed_count = passed_count + 35000
    WHERE run_key = $1::bigint`,
    [base],
  );
  await db.run("UPDATE runs SET state = 2 WHERE project_key = 3; ANALYZE results");
  const bases = await readBaseRuns(db, "3", now, ["unit"], Infinity);
  const found: string[] = [];
  let statements = 0;
  let count = 0;
  for (let next: string | null = "0"; next !== null; statements++) {
    const stretch: Awaited<ReturnType<typeof findMissingTests>> = await findMissingTests(
      db,
      "3",
      now,
      bases,
      next,
      1000,
      Infinity,
    );
    found.push(...stretch.first.map(({ testKey }) => testKey));
    count += stretch.count;
    next = stretch.next;
  }
  const expected = tests.filter((_, i) => i % 50 === 7).map(({ k }) => String(k));
  expect(found.sort()).toEqual(expected.sort());
  expect(count).toBe(10);
  expect(statements).toBe(3);
});
