import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { fillRuns } from "../../bench/limits/fill-results.js";
import { Connection } from "../../src/db/client.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { purgeDeleted } from "../../src/jobs/purge-deleted.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";

vi.setConfig({ testTimeout: 120_000 });
const TESTS = 200;
const RUNS = 24;
const SPREAD = { tests: TESTS, resultsPerBatch: 100 };
const TABLES = [
  "batches",
  "failures",
  "failure_group_runs",
  "failure_group_tests",
  "folded_runs",
  "part_totals",
  "run_parts",
  "runs",
  "test_days",
  "test_windows",
];

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await insertProjects(db);
  await fillRuns(db, "1", 0, RUNS, SPREAD);
  await jobOf(db).runOnce();
  // Neighbours, so that reading a table through costs more than looking rows up.
  const others = "generate_series(1, 20000) i";
  await db.run(`
    INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given, commit_sha)
    SELECT 1, 'neighbour ' || i, current_date, 1, now(), false, 'x' || i FROM ${others};
    INSERT INTO run_parts (
      project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
    )
    SELECT 1, run_key, decode(repeat('00', 16), 'hex'), '', 1, 0, 0, '', true FROM runs WHERE run_id ~ 'neighbour';
    INSERT INTO folded_runs (project_key, run_key, counted_at, dirty, branch, commit_sha, tree_sha)
    SELECT 1, run_key, counted_at, false, '', commit_sha, '' FROM runs WHERE run_id ~ 'neighbour';
    INSERT INTO part_totals
    SELECT 1, run_key, decode(repeat('00', 16), 'hex'), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ''
    FROM runs WHERE run_id ~ 'neighbour';
    INSERT INTO batches
    SELECT project_key, -i, -i, part_id, token_id, created_at, late, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM (SELECT * FROM batches LIMIT 1) b, ${others};
    INSERT INTO failures
    SELECT 1, -i, -1, i, now(), 2, 1, false, 'r', '', 'y' || i, 'z' || i FROM ${others};
    INSERT INTO failure_group_runs SELECT 1, i, -i, now(), 1 FROM ${others};
    INSERT INTO failure_group_tests SELECT 1, i, -i, now(), 1 FROM ${others};
    CREATE SEQUENCE other_keys START 1000000;
    CREATE TABLE others AS SELECT t.* FROM test_days t, generate_series(1, 100) i;
    UPDATE others SET test_key = nextval('other_keys');
    INSERT INTO test_days SELECT * FROM others;
    CREATE TABLE other_windows AS SELECT t.* FROM test_windows t, generate_series(1, 100) i;
    UPDATE other_windows
    SET test_key = nextval('other_keys'), day = day + 100;
    INSERT INTO test_windows SELECT * FROM other_windows;
    ANALYZE`);
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const deps = (connection: Connection) => ({
  db: connection,
  log: createLogger("warn"),
  now: Date.now,
  random: Math.random,
});
const jobOf = (connection: Connection, daysOn = 0) =>
  foldResults(deps(connection), { todayOf: (day) => day + daysOn });

it.each(["force_generic_plan", "force_custom_plan"])(
  "each step of folding finds its rows by index and reads no table through, with %s",
  async (plan) => {
    await using lane = new Connection({
      url: database.url,
      prepare: true,
      settings: { plan_cache_mode: plan },
    });
    const custom = plan === "force_custom_plan" ? 1 : 0;
    const steps: Record<string, () => Promise<void>> = {
      async "a run"() {
        await fillRuns(db, "1", RUNS + custom, 1, SPREAD);
        await jobOf(lane).runOnce();
      },
      async "a run with another start, commit and tree"() {
        await db.query(
          `WITH changed AS (
            UPDATE runs SET started_at = started_at - interval '1 hour', commit_sha = md5('1'), tree_sha = 'tree'
            WHERE project_key = 1 AND run_id = 'run ' || $1::int
            RETURNING run_key
          )
          INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations, weight)
          SELECT 1, run_key, 1, '{}', '{}', '{}', 0 FROM changed`,
          [custom],
        );
        await jobOf(lane).runOnce();
      },
      async "a run that is deleted"() {
        await db.query(
          "UPDATE runs SET deleted_at = now() WHERE project_key = 1 AND run_id = 'run ' || $1::int",
          [2 + custom],
        );
        await purgeDeleted(deps(lane)).runOnce();
        await jobOf(lane).runOnce();
        await purgeDeleted(deps(lane)).runOnce();
      },
      async "another day"() {
        await jobOf(lane, 1 + custom).runOnce();
      },
    };
    for (const [name, step] of Object.entries(steps)) {
      const before = await readThrough(lane);
      await step();
      const after = await readThrough(lane);
      const sizes = await rowCounts();
      const read = [...after].filter(
        ([table, rows]) => rows - (before.get(table) ?? 0) >= (sizes.get(table) ?? 0) / 2,
      );
      expect(read, name).toEqual([]);
    }
  },
);

it("by the indexes that are made for it", async () => {
  await db.query("SELECT pg_stat_force_next_flush()");
  const rows = await db.query<{ name: string }>(
    `SELECT indexrelname AS name FROM pg_stat_user_indexes
    WHERE idx_scan > 0 AND indexrelname = ANY ($1::text[]) ORDER BY 1`,
    [`{${INDEXES.join(",")}}`],
  );
  expect(rows.map(({ name }) => name)).toEqual(INDEXES);
});

const INDEXES = [
  "failures_by_commit",
  "failures_by_group",
  "failures_by_tree",
  "failures_pkey",
  "folded_runs_moving",
  "folded_runs_pkey",
  "part_totals_pkey",
  "runs_by_commit",
  "runs_by_tree",
  "test_days_pkey",
  "test_windows_by_day",
  "test_windows_pkey",
];

/** Rows that sequential scans have read so far, by table. */
async function readThrough(lane: Connection): Promise<Map<string, number>> {
  for (const connection of [lane, db]) await connection.query("SELECT pg_stat_force_next_flush()");
  const rows = await db.query<{ name: string; rows: string }>(
    `SELECT CASE WHEN relname ~ '^results_' THEN 'results' ELSE relname END AS name, sum(seq_tup_read)::text AS rows
    FROM pg_stat_user_tables
    WHERE relname ~ '^results_' OR relname = ANY ($1::text[])
    GROUP BY 1`,
    [`{${TABLES.join(",")}}`],
  );
  return new Map(rows.map(({ name, rows: read }) => [name, Number(read)]));
}

async function rowCounts(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const table of [...TABLES, "results"]) {
    const [row] = await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
    counts.set(table, row?.n ?? 0);
  }
  return counts;
}
