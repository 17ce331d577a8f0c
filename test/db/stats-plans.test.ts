/** What the statements behind figures read: by the indexes that they name, and no more than it takes. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { readFailureGroupDetails } from "../../src/db/failure-group-details.js";
import { listFailureGroups, listFailureGroupsOfRun } from "../../src/db/failure-groups.js";
import { readFlakeEvidence } from "../../src/db/flake-evidence.js";
import { listFlakyKeys, wilsonLower } from "../../src/db/flaky-tests.js";
import { readLabelledRuns, readPartDurations } from "../../src/db/labelled-runs.js";
import { readPeriods } from "../../src/db/project-periods.js";
import type { Queryable } from "../../src/db/queryable.js";
import { readTestDays } from "../../src/db/test-days.js";
import { listTestKeys } from "../../src/db/test-lists.js";
import { findTest, readTestRecords } from "../../src/db/test-records.js";
import { wilsonInterval } from "../../src/stats/wilson.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { type Plan, plansOf } from "./plans.js";

/** Of each of three projects. */
const RUNS = 3_000;
const TESTS = 5_000;
const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;
const NOW_US = Math.floor(Date.now() / 1000) * 1_000_000;

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  for (const statement of FILL.split(";\n")) await db.run(statement);
  await db.run("VACUUM ANALYZE");
}, 120_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const counts = (names: string) => names.split(" ").join("_count, ").concat("_count");
const FIVE = counts("passed failed errored skipped precluded");
const windows = (figure: string) => [1, 7, 30, 90].map((days) => `${figure}_${days}`).join(", ");
const FIGURES = ["passed", "failed", "errored", "skipped", "precluded", "flaky"].map(windows);

/** A run an hour, the newest now; three runs have a commit. Every tenth test failed in each of ten runs. */
const FILL = `
INSERT INTO organizations (organization_id, name) VALUES ('org', 'org');
INSERT INTO projects (project_id, organization_key, name)
SELECT 'prj ' || p, organization_key, 'prj ' || p FROM organizations, generate_series(1, 3) AS p;
SELECT ensure_results_partition((now() - i * interval '1 month')::date) FROM generate_series(0, 5) AS i;
INSERT INTO runs (
  project_key, run_id, run_day, created_at, open_key, started_at, start_given, branch, commit_sha, tree_sha, state,
  status, labels, finished_at
)
SELECT
  p, 'run ' || i, started_at::date, started_at, i, started_at, true, CASE WHEN i % 10 = 0 THEN 'dev' ELSE 'main' END,
  'commit ' || i / 3, 'tree ' || i / 3, 2, 1, jsonb_build_object('os', i % 4), started_at + interval '1 minute'
FROM generate_series(1, 3) AS p, generate_series(1, ${RUNS}) AS i,
  LATERAL (SELECT to_timestamp(${NOW_US / 1e6}) - (${RUNS} - i) * interval '1 hour' AS started_at) AS s;
INSERT INTO run_parts (
  project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
)
SELECT project_key, run_key, decode(repeat('00', 16), 'hex'), 'unit', 1, 0, 0, '', false FROM runs;
INSERT INTO part_totals (
  project_key, run_key, part_id, accepted_count, duplicate_count, foreign_count, conflict_count, rejected_count,
  late_count, ${FIVE}, duration_us, durations
)
SELECT project_key, run_key, decode(repeat('00', 16), 'hex'), 100, 0, 0, 0, 0, 0, 90, 10, 0, 0, 0, 1, '' FROM runs;
INSERT INTO tests (project_key, test_id, suite, file, name, parameters, variant)
SELECT p, decode(md5(p || ':' || i), 'hex'), 'suite', 'file', 'test ' || i, '', '{}'
FROM generate_series(1, 3) AS p, generate_series(1, ${TESTS}) AS i;
INSERT INTO test_windows (
  project_key, test_key, last_run_key, last_counted_at, ${windows("duration_us")}, ${windows("p95_us")}, day,
  ${FIGURES.join(", ")}, last_status, durations_7, durations_30, durations_90, recent
)
SELECT
  project_key, test_key, 1, now(), 1, 1, 1, 1, 1, 1, 1, 1, current_date,
  10, 10, 10, 10, test_key % 7, test_key % 7, test_key % 7, test_key % 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  f, f, f, f, 1, repeat('x', 200)::bytea, repeat('x', 200)::bytea, repeat('x', 200)::bytea, ''
FROM tests, LATERAL (SELECT (test_key % 10 = 0)::int AS f) AS flaky;
INSERT INTO test_days (
  project_key, test_key, duration_us, day, ${FIVE}, flaky_count, more_runs, durations, run_keys
)
SELECT
  project_key, test_key, 1, current_date - i, 1, 1, 0, 0, 0, (test_key % 10 = 0)::int, false, '', '{}'
FROM tests, generate_series(0, 9) AS i;
INSERT INTO project_periods (
  project_key, unit, all_branches, branch, start_at, ${FIVE}, duration_us, durations
)
SELECT
  p, unit, branch = '', branch,
  date_trunc(CASE unit WHEN 1 THEN 'hour' ELSE 'day' END, now(), 'UTC')
    - i * CASE unit WHEN 1 THEN interval '1 hour' ELSE interval '24 hours' END,
  1, 0, 0, 0, 0, 1, ''
FROM generate_series(1, 3) AS p, generate_series(1, 2) AS unit, (VALUES (''), ('main'), ('dev')) AS b(branch),
  generate_series(0, 2000) AS i;
INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
SELECT project_key, run_key, 1, '{1,2}', '{1,2}', '{10,20}' FROM runs WHERE project_key > 1 OR run_key % 300 = 0;
INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations, weight)
SELECT project_key, run_key, 2, '{}', '{}', '{}', 0 FROM runs WHERE run_key % 300 = 1;
INSERT INTO folded_runs (project_key, run_key, counted_at, dirty, branch, commit_sha, tree_sha)
SELECT project_key, run_key, counted_at, dirty, branch, commit_sha, tree_sha FROM runs;
INSERT INTO results (
  project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id, failure_message
)
SELECT
  r.project_key, run_key, test_key, 1, run_day, CASE WHEN run_key % 3 = 1 THEN 2 ELSE 1 END, 1, 'r', 'message'
FROM runs AS r
JOIN tests AS t ON t.project_key = r.project_key AND t.test_key % 100 = 0
WHERE run_key % ${RUNS} > ${RUNS - 60};
INSERT INTO batches (
  project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count, foreign_count,
  conflict_count, rejected_count, ${FIVE}, duration_us
)
SELECT project_key, run_key, 1, decode(repeat('00', 16), 'hex'), 't', false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM runs;
INSERT INTO failures (
  project_key, run_key, test_key, fingerprint, counted_at, status, attempt, contradicted, result_id, job,
  commit_sha, tree_sha
)
SELECT
  r.project_key, run_key, test_key, test_key % 50, counted_at, 2, 1, true, 'r', 'unit', commit_sha, tree_sha
FROM results AS x
JOIN runs AS r USING (project_key, run_key)
WHERE x.status = 2;
INSERT INTO failures (
  project_key, run_key, test_key, fingerprint, counted_at, status, attempt, contradicted, result_id, job,
  commit_sha, tree_sha
)
SELECT 1, 1000000 + i, i, 100, now(), 2, 1, false, 'r', 'unit', '', '' FROM generate_series(1, 20000) AS i;
INSERT INTO failure_groups (project_key, fingerprint, kind, type, masked_message)
SELECT p, i, '', '', 'message' FROM generate_series(1, 3) AS p, generate_series(0, 1000) AS i;
INSERT INTO failure_group_days (project_key, day, fingerprint, failure_count)
SELECT p, current_date - d, i, 1 + i % 7
FROM generate_series(1, 3) AS p, generate_series(0, 99) AS d, generate_series(0, 99) AS i;
INSERT INTO failure_group_runs (project_key, fingerprint, run_key, counted_at, failure_count)
SELECT project_key, i, run_key, counted_at, 20 FROM runs, generate_series(0, 9) AS i;
INSERT INTO failure_group_tests (project_key, fingerprint, test_key, last_counted_at, failure_count)
SELECT project_key, test_key % 50, test_key, now(), 1 FROM tests`;

/** The one plan of a read. */
async function planOf(read: (from: Queryable) => Promise<unknown>): Promise<Plan> {
  const [plan, ...others] = await plansOf(db, read);
  if (plan === undefined || others.length > 0) throw new Error("not one statement");
  return plan;
}

describe("figures of a window of a project", () => {
  const days = (count: number) => ({ startUs: NOW_US - count * DAY_US, endUs: NOW_US + DAY_US });
  const periods = (branch: string, count: number) =>
    planOf((from) => {
      const ranges = [{ unit: "day" as const, ...days(count) }];
      const query = { ...days(count), branch, ranges, runsBy: "day" as const };
      return readPeriods(from, "1", query, Infinity);
    });

  it.each([
    ["", "runs_by_time"],
    ["main", "runs_by_branch"],
  ])("of branch '%s' are read from %s and the periods", async (branch, index) => {
    const plan = await periods(branch, 5);
    expect(plan.indexes).toEqual(
      expect.arrayContaining([
        "fold_queue_changed_runs",
        "fold_queue_pkey",
        "folded_runs_pkey",
        "project_periods_pkey",
        index,
      ]),
    );
    expect(plan.sequential).toEqual([]);
    // 120 runs, 5 days, 20 rows of the queue, of which half have a run and half what is folded of it.
    expect(plan.scanned).toBeLessThan(250);
  });

  it("take runs from the index alone", async () => {
    const [row] = await db.query<{ "QUERY PLAN": object[] }>(
      `EXPLAIN (FORMAT JSON) SELECT counted_at, state, status, finished_at FROM runs
      WHERE project_key = 1 AND deleted_at IS NULL AND counted_at >= now() - interval '5 days'`,
    );
    expect(JSON.stringify(row)).toContain('"Index Only Scan"');
  });

  it("with labels look at the runs of the window, up to a bound", async () => {
    const read = (branch: string, maxRuns: number) =>
      planOf((from) => {
        const query = { ...days(5), branch, labels: { os: "1" } };
        return readLabelledRuns(from, "1", query, maxRuns, Infinity);
      });
    const plan = await read("", 1_000);
    expect(plan.indexes).toContain("runs_by_time");
    expect((await read("dev", 1_000)).indexes).toContain("runs_by_branch");
    expect(plan.scanned).toBeLessThan(200);
    const bounded = await read("", 10);
    expect(bounded.scanned).toBeLessThan(30);
    const durations = await planOf((from) => readPartDurations(from, "1", ["1", "2"], Infinity));
    expect(durations.indexes).toEqual(["part_totals_pkey"]);
  });
});

describe("tests", () => {
  it.each([
    ["failures", "failures"],
    ["last seen", "lastSeen"],
  ] as const)("by %s are read in one range of the project", async (_, order) => {
    const query = { days: 30, order, text: "" } as const;
    const plan = await planOf((from) => listTestKeys(from, "1", query, null, 51, Infinity));
    expect(plan.indexes).toHaveLength(1);
    expect(plan.indexes[0]).toMatch(/^test_windows_(pkey|by_day)$/);
    expect(plan.sequential).toEqual([]);
    expect(plan.scanned).toBeLessThanOrEqual(TESTS);
  });

  it("with a text are read beside their names", async () => {
    const query = { days: 30, order: "failures", text: "TEST 77" } as const;
    const plan = await planOf((from) => listTestKeys(from, "1", query, null, 51, Infinity));
    expect(plan.indexes).toContain("tests_pkey");
    expect(plan.sequential).toEqual([]);
    expect(plan.scanned).toBeLessThanOrEqual(2 * TESTS);
  });

  it("are found by their id, with their figures by key", async () => {
    const id = "0".repeat(32);
    const found = await planOf((from) => findTest(from, "1", id, Infinity));
    expect(found.indexes).toContain("tests_by_id");
    for (const days of [1, 30] as const) {
      const plan = await planOf((from) => readTestRecords(from, "1", ["10", "20"], days, Infinity));
      expect(plan.indexes).toEqual(
        expect.arrayContaining(["runs_pkey", "test_days_pkey", "test_windows_pkey", "tests_pkey"]),
      );
      expect(plan.sequential).toEqual([]);
      expect(plan.scanned).toBeLessThan(100);
    }
    const days = await planOf((from) => readTestDays(from, "1", "10", 0, 100_000, Infinity));
    expect(days.indexes).toEqual(["test_days_pkey"]);
  });

  it("that are flaky are found in one range, with their evidence by its indexes", async () => {
    const plan = await planOf((from) => listFlakyKeys(from, "1", 30, null, 51, Infinity));
    expect(plan.indexes).toContain("tests_pkey");
    expect(plan.sequential).toEqual([]);
    expect(plan.scanned).toBeLessThanOrEqual(TESTS + TESTS / 10);
    const asked = [100, 200].map((key) => ({ testKey: `${key}`, sinceUs: NOW_US - 30 * DAY_US }));
    const evidence = await planOf((from) => readFlakeEvidence(from, "1", asked, 10, Infinity));
    expect(evidence.indexes).toEqual(
      expect.arrayContaining([
        "batches_pkey",
        "failures_by_test",
        "run_parts_pkey",
        "runs_by_commit",
        "runs_by_tree",
      ]),
    );
    expect(evidence.sequential.filter((table) => !table.startsWith("results_"))).toEqual([]);
    const read = await readFlakeEvidence(db, "1", asked, 10, Infinity);
    expect([...read.values()].map(({ failures }) => failures.length)).toEqual([10, 10]);
    // Twenty failures: a few look-ups each.
    expect(evidence.scanned).toBeLessThan(20 * 40);
  });
});

describe("failure groups", () => {
  it("are counted from the days of the window", async () => {
    const plan = await planOf((from) => listFailureGroups(from, "1", 7, null, 51, Infinity));
    expect(plan.indexes).toEqual(["failure_group_days_pkey"]);
    expect(plan.scanned).toBe(700);
  });

  it("of a run are counted from its failures", async () => {
    const [run] = await db.query<{ run_key: string }>(
      "SELECT run_key FROM failures WHERE project_key = 1 AND contradicted LIMIT 1",
    );
    const key = run?.run_key ?? "";
    const plan = await planOf((from) => listFailureGroupsOfRun(from, "1", key, null, 51, Infinity));
    expect(plan.indexes).toEqual(["failures_pkey"]);
    expect(plan.scanned).toBeLessThanOrEqual(60);
  });

  it("have their details by key", async () => {
    const rule = { minFailures: 20, maxResultsPerFailure: 20, maxRuns: 10 };
    const names = ["0".repeat(16), "0".repeat(15).concat("1")];
    const read = (scope: { sinceUs: number } | { runKey: string }) =>
      planOf((from) => readFailureGroupDetails(from, "1", names, scope, rule, Infinity));
    const plan = await read({ sinceUs: NOW_US - 7 * DAY_US });
    expect(plan.indexes).toEqual(
      expect.arrayContaining([
        "failure_group_runs_pkey",
        "failure_group_tests_pkey",
        "failure_groups_pkey",
        "failures_by_group",
      ]),
    );
    expect(plan.sequential).toEqual([]);
    const ofRun = await read({ runKey: "1" });
    expect(ofRun.indexes).toContain("failures_pkey");
    expect(ofRun.sequential).toEqual([]);
    expect(ofRun.scanned).toBeLessThan(50);
  });
});

it("computes the lower end of an interval as the pure function does, to the last digit", async () => {
  const rows = await db.query<{ k: number; n: number; lower: number }>(
    `SELECT k, n, ${wilsonLower("k", "n")} AS lower
    FROM generate_series(1, 40) AS k, generate_series(1, 2000, 37) AS n
    WHERE k <= n`,
  );
  expect(rows.length).toBeGreaterThan(1_000);
  expect(rows.filter(({ k, n, lower }) => lower !== wilsonInterval(k, n).lower)).toEqual([]);
});
