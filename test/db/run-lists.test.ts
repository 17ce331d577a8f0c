import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { listRuns, type RunFilter, type RunListKey, type RunPage } from "../../src/db/run-lists.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { type Plan, plansOf } from "./plans.js";

const RUNS = 40_000;
const EXAMINED = 500;

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  // Half of them of the project; several start in the same second.
  await db.run(`
    INSERT INTO runs (
      project_key, run_id, run_day, created_at, open_key, started_at, start_given, branch, commit_sha, state,
      status, labels, deleted_at
    )
    SELECT
      1 + i % 2, 'run ' || i, '2026-01-01', '2026-02-01', i,
      timestamptz '2026-01-01 00:00:00Z' + i / 8 * interval '1 second', true,
      CASE WHEN i % 200 = 2 THEN 'rare' ELSE 'main' END, 'commit ' || i / 10,
      CASE WHEN i % 10 = 4 THEN 1 ELSE 2 END, CASE WHEN i % 10 = 4 THEN NULL WHEN i % 50 = 6 THEN 2 ELSE 1 END,
      CASE WHEN i % 4000 = 8 THEN '{"os":"linux","gpu":"yes"}'::jsonb ELSE '{"os":"linux"}'::jsonb END,
      CASE WHEN i % 10 = 0 THEN now() END
    FROM generate_series(1, ${RUNS}) AS i`);
  await db.run("VACUUM ANALYZE runs");
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const ANY: RunFilter = {
  branch: "",
  commitSha: "",
  state: 0,
  status: 0,
  labels: {},
  startUs: null,
  endUs: null,
};
const us = (time: string) => Date.parse(time) * 1000;
const list = (from: Connection, filter: Partial<RunFilter>, page: Partial<RunPage> = {}) =>
  listRuns(
    from,
    "1",
    { ...ANY, ...filter },
    { after: null, limit: 50, maxExamined: EXAMINED, ...page },
    Infinity,
  );

const filters: [string, Partial<RunFilter>, string, string[], number][] = [
  ["nothing", {}, "true", ["runs_by_time"], 51],
  ["branch", { branch: "rare" }, "branch = 'rare'", ["runs_by_branch"], 51],
  ["state", { state: 1 }, "state = 1", ["runs_by_state"], 51],
  ["status", { status: 2 }, "status = 2", ["runs_by_status"], 51],
  ["commit", { commitSha: "commit 7" }, "commit_sha = 'commit 7'", ["runs_by_commit"], 10],
  [
    "time",
    { startUs: us("2026-01-01T00:10:00Z"), endUs: us("2026-01-01T00:11:00Z") },
    "counted_at >= '2026-01-01 00:10:00Z' AND counted_at < '2026-01-01 00:11:00Z'",
    ["runs_by_time"],
    200,
  ],
  [
    "branch and status",
    { branch: "main", status: 2 },
    "branch = 'main' AND status = 2",
    ["runs_by_branch", "runs_by_status"],
    51 * 30,
  ],
  [
    "a common label",
    { labels: { os: "linux" } },
    `labels @> '{"os":"linux"}'`,
    ["runs_by_time"],
    51,
  ],
  [
    "rare labels",
    { labels: { os: "linux", gpu: "yes" } },
    `labels @> '{"gpu":"yes"}'`,
    ["runs_by_time"],
    2 * EXAMINED,
  ],
  [
    "labels of a branch",
    { branch: "main", labels: { gpu: "yes" } },
    `branch = 'main' AND labels @> '{"gpu":"yes"}'`,
    ["runs_by_branch"],
    2 * EXAMINED,
  ],
  ["labels of none", { labels: { gpu: "no" } }, "false", ["runs_by_time"], 2 * EXAMINED],
];

describe("a list of runs by", () => {
  it.each(filters)("%s has them all, newest first, over pages", async (_, filter, condition) => {
    const expected = await db.query<{ run_key: string }>(
      `SELECT run_key FROM runs WHERE project_key = 1 AND deleted_at IS NULL AND ${condition}
      ORDER BY counted_at DESC, run_id DESC LIMIT 700`,
    );
    const found: string[] = [];
    let after: RunListKey | null = null;
    do {
      const page: Awaited<ReturnType<typeof list>> = await list(db, filter, { after, limit: 64 });
      expect(page.runs.length).toBeLessThanOrEqual(64);
      found.push(...page.runs.map(({ runKey }) => runKey));
      after = page.next;
    } while (after !== null && found.length < 700);
    expect(found.slice(0, 700)).toEqual(expected.map(({ run_key }) => run_key));
  });

  it.each(filters)("%s reads its index, and no more of it deep in the list", async (...row) => {
    const [_, filter, __, indexes, rows] = row;
    const deep = { countedUs: us("2026-01-01T00:20:00Z"), runId: "run 0" };
    for (const after of [null, deep]) {
      const [plan] = await plansOf(db, (from) => list(from as Connection, filter, { after }));
      expect(plan?.sequential).toEqual([]);
      expect(indexes).toEqual(expect.arrayContaining((plan as Plan).indexes));
      expect(plan?.scanned).toBeLessThanOrEqual(rows);
    }
  });
});
