import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Status } from "../gen/tally/v1/run_pb.js";
import { type FoldLab, startFoldLab } from "./stats/fold/lab.js";
import { startTallyd } from "./support/tallyd.js";

vi.setConfig({ testTimeout: 60_000 });
let lab: FoldLab;
beforeAll(async () => {
  lab = await startFoldLab();
  const { ingest } = lab.server.client(lab.server.allToken);
  const statuses = [Status.PASSED, Status.FAILED, Status.ERRORED, Status.SKIPPED, Status.PRECLUDED];
  for (const runId of ["a", "b"]) {
    await ingest.ingestRun({
      run: { runId, source: { branch: "main", commitSha: "c", treeSha: "t" } },
      results: statuses.flatMap((status, i) =>
        ["x", "y"].map((name) => ({
          resultId: `${runId} ${i}`,
          test: { name },
          status,
          duration: { nanos: 1_000_000 * (i + 1) },
          ...(status === Status.FAILED || status === Status.ERRORED
            ? { failure: { message: `expected ${i}`, type: "E", kind: "k" } }
            : {}),
        })),
      ),
    });
  }
  await lab.settle();
});
afterAll(() => lab[Symbol.asyncDispose]());

const recount = async (...args: string[]) => {
  const tallyd = startTallyd("recount", { DATABASE_URL: lab.server.databaseUrl }, args);
  const [code] = await tallyd.exited;
  return { code, lines: tallyd.output().trim().split("\n") };
};

describe("tallyd recount", () => {
  it("says how many figures it compared, and that none differs", async () => {
    const { code, lines } = await recount();
    expect(lines).toEqual([expect.stringMatching(/^\d\d\d figures compared, no differences$/)]);
    expect(code).toBe(0);
  });

  it("tells each difference, as text and as JSON, and fails", async () => {
    const change = (by: number) =>
      lab.db.query(`UPDATE test_days SET flaky_count = flaky_count + ${by} WHERE test_key = 1`);
    await change(1);
    try {
      const text = await recount("--project", lab.server.projectId);
      expect(text.code).toBe(1);
      expect(text.lines).toEqual([
        expect.stringMatching(
          /^prj_\w+: test_days.flaky_count of test 1 day \S+ is 3, a recount says 2$/,
        ),
        expect.stringMatching(/^\d\d\d figures compared, 1 differences$/),
      ]);
      const json = await recount("--json");
      expect(json.lines.map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({ figure: "test_days.flaky_count", stored: "3", recounted: "2" }),
        expect.objectContaining({ projects: 1, differences: 1 }),
      ]);
    } finally {
      await change(-1);
    }
  });

  it("fails for a project that is not there, and without a database", async () => {
    const unknown = await recount("--project", "prj_unknown'");
    expect(unknown.lines.join("\n")).toContain("--project prj_unknown': there is none");
    const none = startTallyd("recount", {});
    expect((await none.exited)[0]).toBe(1);
    expect(none.output()).toContain("DATABASE_URL: expected");
  });
});

const oneMore = (columns: readonly string[]) =>
  columns.map((column) => `${column} = ${column} + 1`);
const counts = (names: readonly string[]) => oneMore(names.map((name) => `${name}_count`));
const STATUSES = ["passed", "failed", "errored", "skipped", "precluded"];
const TOTALS = [...counts(STATUSES), "duration_us = duration_us - 1", "durations = '\\x0102'"];
const GROUPS = ["failure_count = failure_count + 1", "fingerprint = fingerprint + 1"];
const LATER = "+ interval '1 microsecond'";

/** What a wrong fold could have written: each column of each folded table, changed by a little. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  part_totals: [
    ...TOTALS,
    ...counts(["accepted", "duplicate", "foreign", "conflict", "rejected", "late"]),
  ],
  project_periods: [...TOTALS, "start_at = start_at + interval '1 hour'", "branch = branch || 'x'"],
  test_days: [
    ...TOTALS,
    ...counts(["flaky"]),
    "run_keys = run_keys[2:]",
    "run_keys = run_keys[2:] || run_keys[1]",
    "day = day - 1",
  ],
  test_windows: [
    ...[1, 7, 30, 90].flatMap((days) =>
      oneMore([...STATUSES, "flaky", "duration_us", "p95_us"].map((name) => `${name}_${days}`)),
    ),
    ...[7, 30, 90].map((days) => `durations_${days} = ''`),
    "recent = ''",
    "last_run_key = last_run_key + 1",
    `last_counted_at = last_counted_at ${LATER}`,
    "last_status = 1",
  ],
  failures: [
    "contradicted = NOT contradicted",
    "fingerprint = fingerprint + 1",
    `counted_at = counted_at ${LATER}`,
    "status = 5 - status",
    "attempt = attempt + 1",
    ...["job", "commit_sha", "tree_sha"].map((column) => `${column} = 'x'`),
  ],
  failure_groups: ["fingerprint = fingerprint + 1"],
  failure_group_days: GROUPS,
  failure_group_runs: [...GROUPS, `counted_at = counted_at ${LATER}`],
  failure_group_tests: [...GROUPS, `last_counted_at = last_counted_at ${LATER}`],
  folded_runs: ["counted_at = counted_at - interval '1 day'"],
};

describe("a recount", () => {
  const wrong = Object.entries(WRONG).flatMap(([table, changes]) =>
    changes.map((change) => ({ table, change })),
  );
  it.each(wrong)("finds that in $table $change", async ({ table, change }) => {
    await lab.db.run(`CREATE TABLE right_rows AS SELECT * FROM ${table}`);
    try {
      await lab.db.run(`UPDATE ${table} SET ${change}`);
      expect(await lab.differences()).not.toEqual([]);
    } finally {
      await lab.db.run(
        `TRUNCATE ${table}; INSERT INTO ${table} SELECT * FROM right_rows; DROP TABLE right_rows`,
      );
    }
  });

  it.each([
    "part_totals",
    "project_periods",
    "test_days",
    "test_windows",
    "failures",
    "failure_group_days",
    "failure_group_runs",
    "failure_group_tests",
  ])("finds rows that %s lacks", async (table) => {
    await lab.db.run(`CREATE TABLE right_rows AS SELECT * FROM ${table}; TRUNCATE ${table}`);
    try {
      expect(await lab.differences()).not.toEqual([]);
    } finally {
      await lab.db.run(`INSERT INTO ${table} SELECT * FROM right_rows; DROP TABLE right_rows`);
    }
  });

  it("finds nothing wrong when all is as it was", async () => {
    expect(await lab.differences()).toEqual([]);
  });
});
