import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import {
  listRunResults,
  type ResultFilter,
  type ResultListKey,
  type ResultPage,
  type RunResults,
} from "../../src/db/run-results.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { plansOf } from "./plans.js";
import { storeRuns } from "./run-rows.js";

const TESTS = 12_000;
const EXAMINED = 2_000;

let database: TestDatabase;
let db: Connection;
let runKey: string;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await db.run(`
    INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
    SELECT 1, decode(md5(i::text), 'hex'), 'suite', 'file', CASE WHEN i % 3000 = 7 THEN 'rare ' ELSE '' END || i, '', '{}'
    FROM generate_series(1, ${TESTS}) AS i`);
  const tests = await db.query<{ k: number }>("SELECT test_key::int AS k FROM tests ORDER BY 1");
  const results = tests.flatMap(({ k }) => {
    const status = k % 100 === 3 ? 2 : k % 3000 === 5 ? 5 : 1;
    return [{ testKey: k, status, resultId: "a" }];
  });
  const runs = [10, 11, 12, 13].map((day) => ({
    runId: `r${day}`,
    startedAt: `2026-01-${day}T10:00:00Z`,
    results,
  }));
  [, runKey = ""] = await storeRuns(db, runs);
  // So much else that no plan is right by chance.
  const others = Array.from({ length: 3_000 }, (_, i) => ({
    runId: `other ${i}`,
    startedAt: "2026-02-01T10:00:00Z",
    projectKey: 2,
    results: [{ testKey: 1 }],
  }));
  await storeRuns(db, others);
  await db.run(
    `INSERT INTO failures
    SELECT project_key, run_key, test_key, 1, now(), status, 1, test_key % 200 = 3, result_id, 'unit', '', ''
    FROM results WHERE status IN (2, 3)`,
  );
  await db.run("VACUUM ANALYZE");
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function list(
  from: Connection,
  filter: Partial<ResultFilter>,
  page: Partial<ResultPage> = {},
): Promise<RunResults> {
  const found = await listRunResults(
    from,
    "1",
    runKey,
    { testKey: null, statuses: [], text: "", ...filter },
    { after: null, limit: 50, maxBytes: 1e9, maxExamined: EXAMINED, ...page },
    Infinity,
  );
  if (found === null) throw new Error("the run is gone");
  return found;
}
const PKEY = "results_2026_01_pkey";
const FAILURES = "results_2026_01_project_key_run_day_run_key_test_key_result_idx";
/** What belongs to each of 51 results: test, batch and part. */
const BESIDES = 51 * 3;

const searches: [string, Partial<ResultFilter>, string, number, number][] = [
  ["all", {}, PKEY, TESTS, 51 + BESIDES],
  ["failed ones", { statuses: [2, 3] }, FAILURES, TESTS / 100, 51 + BESIDES + 3 * 51],
  ["errored ones", { statuses: [3] }, FAILURES, 0, 2 * 120],
  ["passed ones", { statuses: [1] }, PKEY, TESTS - TESTS / 100 - 4, 60 + BESIDES],
  ["precluded ones", { statuses: [5] }, PKEY, 4, 3 * EXAMINED],
  ["those of a text", { text: "RARE" }, PKEY, 4, 3 * EXAMINED + 20],
  ["failures of a text", { statuses: [2, 3], text: "rare" }, FAILURES, 0, 4 * 120],
];

describe("a page of a run's results", () => {
  it.each(searches)("reads %s by its index, here and deep in the run", async (...row) => {
    const [, filter, index, , rows] = row;
    const [{ k } = { k: 0 }] = await db.query<{ k: number }>(
      "SELECT (max(test_key) - 3000)::int AS k FROM results",
    );
    for (const after of [null, { testKey: String(k), resultId: "a" }]) {
      const [plan] = await plansOf(db, (from) => list(from as Connection, filter, { after }));
      expect(plan?.sequential).toEqual([]);
      expect(plan?.indexes).toContain(index);
      expect(plan?.indexes.filter((name) => name.startsWith("results_"))).toEqual([index]);
      expect(plan?.scanned).toBeLessThanOrEqual(rows + 10);
    }
  });

  it.each(searches)("finds %s over pages that may be short", async (_, filter, __, count) => {
    const found: string[] = [];
    let after: ResultListKey | null = null;
    do {
      const page: RunResults = await list(db, filter, { after, limit: 900 });
      found.push(...page.results.map(({ testKey }) => testKey));
      after = page.next;
    } while (after !== null);
    expect(found).toHaveLength(count);
    expect(found).toEqual([...found].sort((a, b) => Number(a) - Number(b)));
  });

  it("shows the verdict and the fingerprint of what is folded", async () => {
    const { results } = await list(db, { statuses: [2] });
    expect(
      results
        .map(({ flaky }) => flaky)
        .slice(0, 2)
        .sort(),
    ).toEqual([false, true]);
    expect(results[0]).toMatchObject({ fingerprint: "1" });
    const { results: passed } = await list(db, { statuses: [1] });
    expect(passed[0]).toMatchObject({ fingerprint: null, flaky: false });
  });

  it("is of one test by the primary key", async () => {
    const filter = { testKey: "17" };
    const [plan] = await plansOf(db, (from) => list(from as Connection, filter));
    expect(plan?.indexes).toContain(PKEY);
    expect(plan?.scanned).toBeLessThan(10);
  });
});
