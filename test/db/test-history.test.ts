import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { type HistoryKey, readTestHistory } from "../../src/db/test-history.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { plansOf } from "./plans.js";
import { type RunRow, storeRuns, storeTests } from "./run-rows.js";

/** How many runs a day names at most. */
const NAMED = 64;

let database: TestDatabase;
let db: Connection;
let test: number;
let other: number;
let runs: readonly RunRow[];
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  [test = 0, other = 0] = await storeTests(db, ["one", "other"]);
  runs = makeRuns();
  const keys = await storeRuns(db, runs);
  for (const [day, of] of daysOf(runs)) {
    const named = of.slice(0, NAMED).map((run) => keys[runs.indexOf(run)]);
    await db.query(
      `INSERT INTO test_days (
        project_key, test_key, duration_us, day, passed_count, failed_count, errored_count, skipped_count,
        precluded_count, flaky_count, more_runs, durations, run_keys
      )
      VALUES (1, $1, 0, $2::text::date, 0, 0, 0, 0, 0, 0, $3::boolean, '', $4::bigint[])`,
      [test, day, of.length > NAMED, `{${named.join()}}`],
    );
  }
  await db.run(FILLER);
  await db.run("VACUUM ANALYZE");
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** So much else that no plan is right by chance. */
const FILLER = `
  INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
  SELECT 2, decode(md5(i::text), 'hex'), '', '', i::text, '', '{}' FROM generate_series(1, 5000) AS i;
  INSERT INTO test_days
  SELECT d.project_key, 1000 + i, 0, day, 0, 0, 0, 0, 0, 0, false, '', d.run_keys[1:1]
  FROM generate_series(1, 5000) AS i, test_days d;
  INSERT INTO failures
  SELECT 1, 1, i, 1, now(), 2, 1, false, 'r', 'j', '', '' FROM generate_series(1, 5000) AS i`;

/** Four days: one busy and full of runs without the test, one with equal times, and two quiet ones. */
function makeRuns(): RunRow[] {
  const make = (
    runId: string,
    startedAt: string,
    resultIds: string[],
    deleted = false,
  ): RunRow => ({
    runId,
    startedAt,
    deleted,
    results: [
      { testKey: other },
      ...resultIds.map((resultId, i) => ({ testKey: test, resultId, status: i % 3 === 2 ? 2 : 1 })),
    ],
  });
  const at = (i: number) => new Date(Date.parse("2026-01-12T20:00:00Z") - i * 1000).toISOString();
  return [
    make("quiet", "2026-01-15T10:00:00Z", ["a", "b", "c", "d"]),
    make("deleted", "2026-01-15T09:00:00Z", ["a"], true),
    ...["x", "y", "z"].map((id) => make(id, "2026-01-13T10:00:00Z", ["a", "b", "c"])),
    // Every seventh run of the busy day has the test.
    ...Array.from({ length: 2_500 }, (_, i) => make(`busy ${i}`, at(i), i % 7 === 0 ? ["a"] : [])),
    make("oldest", "2026-01-02T10:00:00Z", ["a"]),
  ];
}

const hasTest = (run: RunRow) => run.results?.some(({ testKey }) => testKey === test) === true;
const newestFirst = (a: RunRow, b: RunRow) =>
  b.startedAt.localeCompare(a.startedAt) || (b.runId < a.runId ? -1 : 1);

/** Runs with the test by day, the newest first of each. */
function daysOf(all: readonly RunRow[]): Map<string, RunRow[]> {
  const days = new Map<string, RunRow[]>();
  for (const run of [...all].filter(hasTest).sort(newestFirst)) {
    const day = run.startedAt.slice(0, 10);
    days.set(day, [...(days.get(day) ?? []), run]);
  }
  return days;
}

const expected = (status?: number) =>
  runs
    .filter((run) => hasTest(run) && run.deleted !== true)
    .sort(newestFirst)
    .flatMap(({ runId, results = [] }) =>
      results
        .filter((r) => r.testKey === test && (status === undefined || r.status === status))
        .map(({ resultId }) => `${runId} ${resultId}`),
    );

const read = (after: HistoryKey | null, limit: number, statuses: number[] = []) =>
  readTestHistory(db, "1", String(test), after, limit, Infinity, statuses);

async function pages(limit: number, statuses: number[] = []): Promise<string[][]> {
  const found: string[][] = [];
  let after: HistoryKey | null = null;
  do {
    const page = await read(after, limit, statuses);
    found.push(page.results.map(({ runId, resultId }) => `${runId} ${resultId}`));
    // As it travels in a token.
    after = JSON.parse(JSON.stringify(page.next));
  } while (after !== null);
  return found;
}

describe("the history of a test", () => {
  it.each([2, 7, 50, 1000])("is told whole and in order by pages of %i", async (limit) => {
    const found = await pages(limit);
    expect(found.flat()).toEqual(expected());
    expect(found.every((page) => page.length <= limit)).toBe(true);
  });

  it("is told of some statuses alone", async () => {
    expect((await pages(2, [2])).flat()).toEqual(expected(2));
    expect((await pages(1000, [2, 3])).flat()).toEqual(expected(2));
    expect((await pages(50, [5])).flat()).toEqual([]);
  });

  it("shows the run, the test and the part of a result", async () => {
    const { results } = await read(null, 1);
    expect(results).toMatchObject([
      {
        runId: "quiet",
        branch: "main",
        runStartUs: Date.parse("2026-01-15T10:00:00Z") * 1000,
        test: { name: "one", suite: "suite" },
        part: { job: "unit", attempt: 1, producer: "test" },
        late: false,
        flaky: false,
        fingerprint: null,
      },
    ]);
  });

  it("is told of a day whose named runs are all gone", async () => {
    const [left = 0] = await storeTests(db, ["left"]);
    const results = [{ testKey: left }];
    const times = ["2026-01-17T00:00:00Z", "2026-01-16T23:59:59.999999Z", "2026-01-16T00:00:00Z"];
    await storeRuns(
      db,
      times.map((startedAt, i) => ({ runId: `left ${i}`, startedAt, results })),
    );
    await db.query(
      `INSERT INTO test_days
      SELECT project_key, $1::bigint, 0, DATE '2026-01-16', 0, 0, 0, 0, 0, 0, true, '', '{}'
      FROM test_days LIMIT 1`,
      [left],
    );
    const found: string[] = [];
    let after: HistoryKey | null = null;
    do {
      const page = await readTestHistory(db, "1", String(left), after, 1, Infinity);
      found.push(...page.results.map(({ runId }) => runId));
      after = page.next;
    } while (after !== null);
    expect(found).toEqual(["left 1", "left 2"]);
  });

  it("ends a page at 3 MiB, and loses nothing", async () => {
    const [large = 0] = await storeTests(db, ["large"]);
    const message = "x".repeat(1024 * 1024);
    const results = Array.from({ length: 7 }, (_, i) => ({
      testKey: large,
      resultId: `r${i}`,
      status: 2,
      message,
    }));
    const [key] = await storeRuns(db, [
      { runId: "large", startedAt: "2026-01-20T10:00:00Z", results },
    ]);
    await db.query(
      `INSERT INTO test_days
      SELECT project_key, $1::bigint, 0, DATE '2026-01-20', 0, 0, 0, 0, 0, 0, false, '', ARRAY[$2::bigint]
      FROM test_days LIMIT 1`,
      [large, key ?? ""],
    );
    const sizes: number[] = [];
    let after: HistoryKey | null = null;
    do {
      const page = await readTestHistory(db, "1", String(large), after, 50, Infinity);
      sizes.push(page.results.length);
      after = page.next;
    } while (after !== null);
    expect(sizes).toEqual([2, 2, 2, 1]);
  });
});

describe("a page of it", () => {
  it("looks up the runs that its days name, and their results, by key", async () => {
    const [plan] = await plansOf(db, (from) =>
      readTestHistory(from, "1", String(test), null, 2, Infinity),
    );
    expect(plan?.sequential).toEqual([]);
    expect(plan?.indexes).toEqual(
      expect.arrayContaining(["results_2026_01_pkey", "runs_pkey", "test_days_pkey"]),
    );
    expect(plan?.scanned).toBeLessThan(60);
  });

  it("looks through a busy day by runs_by_time, 1,000 runs at most", async () => {
    const after = { day: "2026-01-12", beyond: true, run: null, resultId: null };
    const [plan] = await plansOf(db, (from) =>
      readTestHistory(from, "1", String(test), after, 50, Infinity),
    );
    expect(plan?.sequential).toEqual([]);
    expect(plan?.indexes).toContain("runs_by_time");
    // Each with a look-up of its results.
    expect(plan?.scanned).toBeLessThan(2_500);
  });
});
