import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import {
  deleteFailures,
  deleteRaw,
  expireRuns,
  listRunsToEmpty,
  listRunsToForget,
  listRunsToSeal,
  markEmpty,
  markForgotten,
  RAW_TABLES,
  sealRuns,
} from "../../src/db/expired-runs.js";
import type { Queryable } from "../../src/db/queryable.js";
import { monthsThatLeave, partitionsToDrop } from "../../src/db/results-partitions.js";
import { projectsWithOldRuns } from "../../src/db/retention-work.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { planOf as planOn } from "./plans.js";

const PROJECTS = 20;
/** One that keeps its runs for 30 days. */
const PROJECT = "3";
const RUNS = 40_000;
const RESULTS_PER_RUN = 10;

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  // Each project has runs that are due, and runs that have taken each of the steps.
  await db.run(`
    INSERT INTO organizations (organization_id, name) VALUES ('org', 'org');
    INSERT INTO projects (project_id, organization_key, name, retention_days)
    SELECT 'p' || i, organization_key, 'p' || i, i % 2 * 30 FROM organizations, generate_series(1, ${PROJECTS}) AS i;
    SELECT ensure_results_partition(current_date - months * 30) FROM generate_series(0, 14) AS months;
    INSERT INTO runs (
      project_key, run_id, run_day, open_key, started_at, start_given, expired_at, expire_step
    )
    SELECT
      1 + i % ${PROJECTS}, i, (now() AT TIME ZONE 'UTC')::date - age * 60, 1, now(), false,
      CASE WHEN age > 2 THEN now() - interval '1 day' END, GREATEST(age - 3, 0)
    FROM generate_series(1, ${RUNS}) AS i CROSS JOIN LATERAL (SELECT i / ${PROJECTS} % 7 AS age) AS a;
    INSERT INTO run_parts (
      project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
    )
    SELECT project_key, run_key, decode(repeat('00', 16), 'hex'), '', 1, 0, 0, '', false FROM runs;
    INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
    SELECT project_key, run_key, n, run_key, run_day, 1 + n % 2, 1, ''
    FROM runs, generate_series(1, ${RESULTS_PER_RUN}) AS n
    WHERE expire_step < 2 AND project_key IN (3, 4);
    INSERT INTO batches (
      project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count,
      foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
      skipped_count, precluded_count, duration_us
    )
    SELECT project_key, run_key, run_key, '', 't', false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM runs WHERE expire_step < 2;
    INSERT INTO missing_tests SELECT project_key, run_key, 1, 1, 1, 1, '' FROM runs WHERE expire_step < 2;
    INSERT INTO failures (
      project_key, run_key, test_key, fingerprint, counted_at, status, attempt, contradicted, result_id, job,
      commit_sha, tree_sha
    )
    SELECT project_key, run_key, n, 1, now(), 2, 1, false, '', '', '', ''
    FROM runs, generate_series(1, ${RESULTS_PER_RUN}) AS n
    WHERE expire_step < 3 AND project_key IN (3, 4);
    INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
    SELECT project_key, run_key, run_key, '{}', '{}', '{}' FROM runs WHERE run_day = current_date;`);
  await db.run("VACUUM ANALYZE");
}, 120_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** The plan of the one statement that `act` sends. */
const planOf = (act: (from: Queryable) => Promise<unknown>) => planOn(db, act);

/** Small tables, which are read whole. */
const LARGE = /^(runs|run_parts|results|batches|missing_tests|failures|fold_queue)/;
const scansOf = ({ sequential }: { sequential: string[] }) =>
  sequential.filter((table) => LARGE.test(table));

it("finds the projects with a few steps of an index for each", async () => {
  const plan = await planOf((from) => projectsWithOldRuns(from, 90, "0", 1_000));
  expect(plan.indexes).toContain("runs_expiring");
  expect(scansOf(plan)).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(4 * PROJECTS);
  const found = await projectsWithOldRuns(db, 90, "0", 1_000);
  expect(found).toHaveLength(PROJECTS);
  expect(await projectsWithOldRuns(db, 90, found[4] ?? "", 1)).toEqual([found[5]]);
});

it("expires by the day", async () => {
  const plan = await planOf((from) => expireRuns(from, PROJECT, 20));
  expect(plan.indexes).toEqual(expect.arrayContaining(["runs_kept", "runs_pkey"]));
  expect(scansOf(plan)).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(20 * 5 + 2 * PROJECTS);
  expect(await expireRuns(db, PROJECT, 20)).toBe(20);
});

it("seals the oldest runs by their keys", async () => {
  const list = await planOf((from) => listRunsToSeal(from, PROJECT, 1_000, 20));
  expect(list.indexes).toContain("runs_expiring");
  expect(scansOf(list)).toEqual([]);
  const runs = await listRunsToSeal(db, PROJECT, 1_000, 20);
  expect(runs).toHaveLength(20);
  const verdict = { partId: Buffer.alloc(16), status: 2, resultCount: 1 };
  const verdicts = runs.map(({ runKey }) => ({ runKey, ...verdict }));
  const seal = await planOf((from) => sealRuns(from, PROJECT, runs, verdicts));
  expect(seal.indexes).toEqual(expect.arrayContaining(["run_parts_pkey", "runs_pkey"]));
  expect(scansOf(seal)).toEqual([]);
});

it("empties the runs of one day, of one partition", async () => {
  const list = await planOf((from) => listRunsToEmpty(from, PROJECT, ["2001-01-01"], 20));
  expect(list.indexes).toEqual(["runs_expiring"]);
  expect(scansOf(list)).toEqual([]);
  const runs = await listRunsToEmpty(db, PROJECT, [], 20);
  expect(new Set(runs.map(({ runDay }) => runDay)).size).toBe(1);
  for (const table of RAW_TABLES) {
    const plan = await planOf((from) => deleteRaw(from, table, PROJECT, runs, 50));
    expect(plan.indexes.join()).toMatch(/_pkey/);
    expect(scansOf(plan)).toEqual([]);
    expect(plan.scanned).toBeLessThanOrEqual(4 * 50);
    while ((await deleteRaw(db, table, PROJECT, runs, 50)) > 0);
  }
  const mark = await planOf((from) => markEmpty(from, PROJECT, runs));
  expect(scansOf(mark)).toEqual([]);
  expect((await listRunsToEmpty(db, PROJECT, [], 20)).map(({ runKey }) => runKey)).not.toContain(
    runs[0]?.runKey,
  );
});

it("forgets failures by the keys of runs", async () => {
  const list = await planOf((from) => listRunsToForget(from, PROJECT, 90, 20));
  expect(list.indexes).toContain("runs_expiring");
  expect(scansOf(list)).toEqual([]);
  const runs = await listRunsToForget(db, PROJECT, 90, 20);
  expect(runs).toHaveLength(20);
  const plan = await planOf((from) => deleteFailures(from, PROJECT, runs, 50));
  expect(plan.indexes).toEqual(["failures_pkey"]);
  expect(scansOf(plan)).toEqual([]);
  expect(plan.scanned).toBeLessThanOrEqual(4 * 50);
  expect(await markForgotten(db, PROJECT, runs)).toBe(20);
});

it("looks for months that leave with a step for each project", async () => {
  for (const find of [monthsThatLeave, partitionsToDrop]) {
    const plan = await planOf(find);
    expect(plan.indexes).toContain("runs_kept");
    expect(scansOf(plan)).toEqual([]);
    expect(plan.scanned).toBeLessThan(15 * 3 * PROJECTS + 2_000);
  }
});
