import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom, shuffle } from "../../../bench/random.js";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { DbError } from "../../../src/db/errors.js";
import type { Queryable } from "../../../src/db/queryable.js";
import { foldResults } from "../../../src/jobs/fold-results.js";
import { purgeDeleted } from "../../../src/jobs/purge-deleted.js";
import { createLogger } from "../../../src/log.js";
import { foldNext } from "../../../src/stats/fold/fold-project.js";
import { type FoldLab, type LabProject, startFoldLab } from "./lab.js";
import { randomUploads, type Upload } from "./uploads.js";

let lab: FoldLab;
beforeAll(async () => {
  lab = await startFoldLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

const send = (project: LabProject, upload: Upload) =>
  lab.server.client().ingest.ingestRun({ ...upload, projectId: project.projectId });

/** Results by "test status", of a run with this source. */
const results = (...list: string[]): NonNullable<Upload["results"]> =>
  list.map((text) => {
    const [name = "", status = "PASSED", durationUs] = text.split(" ");
    return {
      test: { name },
      status: Status[status as keyof typeof Status],
      ...(durationUs === undefined ? {} : { duration: { nanos: Number(durationUs) * 1000 } }),
    };
  });

/** Failures of a project: run, test, and whether it is contradicted. */
async function failures({ projectKey }: LabProject): Promise<string[]> {
  const rows = await lab.db.query<{ failure: string }>(
    `SELECT concat_ws(' ', u.run_id, t.name, CASE WHEN f.contradicted THEN 'flaky' ELSE 'alone' END) AS failure
    FROM failures f
    JOIN runs u ON u.project_key = f.project_key AND u.run_key = f.run_key
    JOIN tests t ON t.project_key = f.project_key AND t.test_key = f.test_key
    WHERE f.project_key = $1
    ORDER BY 1`,
    [projectKey],
  );
  return rows.map(({ failure }) => failure);
}

const foldNow = () => ({ deadlineAt: Date.now() + 60_000, todayOf: (day: number) => day });

/** The database, where `act` comes once before a statement of this text. */
function actingBefore(statement: RegExp, act: () => Promise<unknown>): Queryable {
  let hasActed = false;
  return {
    async query(text, params, options) {
      if (!hasActed && statement.test(text)) {
        hasActed = true;
        await act();
      }
      return lab.db.query<never>(text, params, options);
    },
  };
}

/** All figures of a project by what clients call runs and tests; keys, and times of receipt, are left out. */
async function figures({ projectKey }: LabProject): Promise<object> {
  const read = (query: string) => lab.db.query<{ row: unknown }>(query, [projectKey]);
  const test = "(SELECT name FROM tests n WHERE n.project_key = $1 AND n.test_key = t.test_key)";
  const of = (table: string, left: string) =>
    `SELECT to_jsonb(t) - ARRAY[${left}] || jsonb_build_object('test', ${test}) AS row
    FROM ${table} t WHERE t.project_key = $1 ORDER BY ${test}, to_jsonb(t)::text`;
  return {
    days: await read(of("test_days", "'project_key', 'test_key', 'run_keys'")),
    windows: await read(
      of("test_windows", "'project_key', 'test_key', 'last_run_key', 'last_counted_at', 'recent'"),
    ),
    periods: await read(
      `SELECT to_jsonb(t) - 'project_key' AS row FROM project_periods t WHERE project_key = $1 ORDER BY row`,
    ),
    failures: await failures({ projectKey, projectId: "" }),
  };
}

describe("folding", () => {
  it("gives the same figures and verdicts, in whatever order results arrive", {
    timeout: 120_000,
  }, async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = seededRandom(seed);
    const nowMs = Date.now() - 3_600_000;
    // Without conflicts, which the first one wins, and with all facts given: the rest is for the other tests.
    const uploads = randomUploads(random, 40, 8, nowMs).map(({ run, part, results: sent }, i) => ({
      run: {
        runId: run?.runId ?? "",
        startTime: run?.startTime ?? timestampFromMs(nowMs - Number(run?.runId?.slice(4)) * 60_000),
        ...(run?.source === undefined ? {} : { source: run.source }),
      },
      ...(part === undefined ? {} : { part }),
      results: (sent ?? []).map((result, k) => ({ ...result, resultId: `${i} ${k}` })),
    }));
    const given = new Map<string, Upload["run"]>();
    for (const { run } of uploads) if (!given.has(run.runId)) given.set(run.runId, run);
    const told = uploads.map((upload) => ({
      ...upload,
      run: given.get(upload.run.runId) ?? upload.run,
    }));
    const found: object[] = [];
    for (const order of [told, shuffle(random, told), told.toReversed()]) {
      const project = await lab.newProject();
      for (const [i, upload] of order.entries()) {
        await send(project, upload);
        if (i % 7 === 0) await lab.settle();
      }
      await lab.settle();
      expect(await lab.differences(project.projectKey), `seed ${seed}`).toEqual([]);
      found.push(await figures(project));
    }
    expect(found[1], `seed ${seed}`).toEqual(found[0]);
    expect(found[2], `seed ${seed}`).toEqual(found[0]);
  });

  it("is exact when statements fail, and when the answers to their commits are lost", {
    timeout: 120_000,
  }, async () => {
    const random = seededRandom(Math.floor(Math.random() * 2 ** 32));
    const project = await lab.newProject();
    const lost = () => new DbError("transient", "lost", "", "");
    let failed = 0;
    const flaky: Queryable = {
      async query(text, params, options) {
        const dice = random();
        if (dice < 0.1) {
          failed++;
          throw lost();
        }
        const rows = await lab.db.query<never>(text, params, options);
        if (dice < 0.2) throw lost();
        return rows;
      },
    };
    const deps = { log: createLogger("silent"), now: Date.now, random: () => 0 };
    const jobs = [foldResults({ ...deps, db: flaky }), foldResults({ ...deps, db: flaky })];
    for (const upload of randomUploads(random, 30, 5, Date.now())) {
      await send(project, upload);
      await Promise.all(jobs.map((job) => job.runOnce().catch(() => undefined)));
    }
    expect(failed).toBeGreaterThan(0);
    expect(await lab.differences(project.projectKey)).toEqual([]);
    await lab.settle();
    expect(await lab.differences(project.projectKey)).toEqual([]);
  });

  it("keeps the newest 64 runs of a test and day, and more of them in mind", {
    timeout: 120_000,
  }, async () => {
    const project = await lab.newProject();
    const startMs = Date.now() - 1_000_000;
    const runs = shuffle(seededRandom(3), [...Array(70).keys()]);
    for (const [i, run] of runs.entries()) {
      const startTime = timestampFromMs(startMs + run * 1000);
      await send(project, {
        run: { runId: `r${run}`, startTime },
        results: results("t PASSED 10"),
      });
      if (i % 9 === 0) await lab.settle();
    }
    await lab.settle();
    expect(await lab.differences(project.projectKey)).toEqual([]);
    const named = async () => {
      const [row] = await lab.db.query<{ first: string; n: number; more_runs: boolean }>(
        `SELECT (SELECT run_id FROM runs WHERE run_key = run_keys[1]) AS first, cardinality(run_keys) AS n, more_runs
        FROM test_days WHERE project_key = $1 AND passed_count > 0`,
        [project.projectKey],
      );
      return row;
    };
    expect(await named()).toEqual({ first: "r69", n: 64, more_runs: true });
    for (const run of [69, 3, 68]) {
      await lab.server
        .client()
        .ingest.deleteRun({ projectId: project.projectId, runId: `r${run}` });
    }
    await lab.settle();
    expect(await lab.differences(project.projectKey)).toEqual([]);
    expect(await named()).toEqual({ first: "r67", n: 62, more_runs: true });
  });
});

describe("contradictions", () => {
  const code = (commitSha: string, treeSha = "", dirty = false) => ({ commitSha, treeSha, dirty });

  it("are found by commit, tree and run, of one job, and by no dirty run", async () => {
    const project = await lab.newProject();
    const uploads: Upload[] = [
      {
        run: { runId: "f1", source: code("c1", "t1") },
        results: results("a FAILED", "b FAILED", "c ERRORED"),
      },
      { run: { runId: "p-commit", source: code("c1") }, results: results("a PASSED") },
      { run: { runId: "f2", source: code("c2", "t2") }, results: results("a FAILED", "b FAILED") },
      { run: { runId: "p-tree", source: code("c3", "t2") }, results: results("b PASSED") },
      {
        run: { runId: "p-job", source: code("c2") },
        part: { job: "e2e" },
        results: results("a PASSED"),
      },
      {
        run: { runId: "f3", source: code("c4", "", true) },
        results: results("a FAILED", "d FAILED"),
      },
      { run: { runId: "f3" }, part: { attempt: 2 }, results: results("d PASSED") },
      { run: { runId: "p-dirty", source: code("c4") }, results: results("a PASSED", "c PASSED") },
      { run: { runId: "f4" }, results: results("a FAILED") },
      { run: { runId: "p-none" }, results: results("a PASSED") },
    ];
    const expected = [
      ...["f1 a flaky", "f1 b alone", "f1 c alone", "f2 a alone", "f2 b flaky"],
      ...["f3 a alone", "f3 d flaky", "f4 a alone"],
    ];
    for (const order of [uploads, uploads.toReversed()]) {
      const fresh = order === uploads ? project : await lab.newProject();
      for (const upload of order) {
        await send(fresh, upload);
        await lab.settle();
      }
      expect(await failures(fresh)).toEqual(expected);
      expect(await lab.differences(fresh.projectKey)).toEqual([]);
    }
  });

  it("end with the run that passed, unless another one passed too", async () => {
    const project = await lab.newProject();
    const run = (runId: string, ...list: string[]) =>
      send(project, { run: { runId, source: code("c") }, results: results(...list) });
    await run("f", "a FAILED", "b FAILED");
    await run("p", "a PASSED", "b PASSED");
    await run("q", "b PASSED");
    await lab.settle();
    expect(await failures(project)).toEqual(["f a flaky", "f b flaky"]);
    const { projectId } = project;
    await lab.server.client().ingest.deleteRun({ projectId, runId: "p" });
    await lab.settle();
    expect(await failures(project)).toEqual(["f a alone", "f b flaky"]);
    await lab.server.client().ingest.deleteRun({ projectId, runId: "f" });
    await lab.settle();
    expect(await failures(project)).toEqual([]);
    expect(await lab.differences(project.projectKey)).toEqual([]);
    const left = await lab.db.query(
      `SELECT 1 FROM failure_groups WHERE project_key = $1
      UNION ALL SELECT 1 FROM failure_group_tests WHERE project_key = $1
      UNION ALL SELECT 1 FROM failure_group_runs WHERE project_key = $1
      UNION ALL SELECT 1 FROM failure_group_days WHERE project_key = $1`,
      [project.projectKey],
    );
    expect(left).toEqual([]);
  });

  it("end for a failure that is folded with the end of the run that passed", async () => {
    const project = await lab.newProject();
    const { projectId, projectKey } = project;
    const source = { commitSha: "c" };
    const run = (runId: string, ...list: string[]) =>
      send(project, { run: { runId, source }, results: results(...list) });
    await run("f", "a FAILED");
    await run("p", "a PASSED");
    await lab.settle();
    await lab.server.client().ingest.deleteRun({ projectId, runId: "p" });
    const deps = { db: lab.db, log: createLogger("silent"), now: Date.now, random: Math.random };
    const purge = purgeDeleted(deps);
    // Both come between the look for changed runs and the reading of the queue.
    const watched = actingBefore(/FROM fold_queue[^;]* weight <> 0/, async () => {
      await purge.runOnce();
      await run("g", "a FAILED");
    });
    await foldNext(watched, projectKey, foldNow());
    await lab.settle();
    expect(await failures(project)).toEqual(["f a alone", "g a alone"]);
    expect(await lab.differences(projectKey)).toEqual([]);
  });

  it("come with a commit that is told later, and go when a run turns out to be dirty", async () => {
    const project = await lab.newProject();
    await send(project, { run: { runId: "f" }, results: results("a FAILED") });
    await send(project, { run: { runId: "p", source: code("c") }, results: results("a PASSED") });
    await lab.settle();
    expect(await failures(project)).toEqual(["f a alone"]);
    await send(project, { run: { runId: "f", source: code("c") } });
    await lab.settle();
    expect(await failures(project)).toEqual(["f a flaky"]);
    await send(project, { run: { runId: "p", source: code("c", "", true) } });
    await lab.settle();
    expect(await failures(project)).toEqual(["f a alone"]);
    expect(await lab.differences(project.projectKey)).toEqual([]);
  });
});

describe("a run that turns out to be dirty", () => {
  // What waits is folded by the step that is watched alone.
  let busy: FoldLab;
  beforeAll(async () => {
    busy = lab;
    lab = await startFoldLab({ withoutJobs: true });
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
    lab = busy;
  });
  const code = (commitSha: string, dirty = false) => ({ commitSha, dirty });
  const run = (project: LabProject, runId: string, source: object, ...list: string[]) =>
    send(project, { run: { runId, source }, results: results(...list) });
  /** A step that meets the pass of run "p", which turns out to be dirty then. */
  const meetsThenForgets = async (project: LabProject, watched: Queryable) => {
    const { projectKey } = project;
    expect(await foldNext(watched, projectKey, foldNow())).toBe("done");
    expect(await failures(project)).toEqual(["f a flaky"]);
    await run(project, "p", code("c", true));
    await lab.settle();
    expect(await failures(project)).toEqual(["f a alone"]);
    expect(await lab.differences(projectKey)).toEqual([]);
  };

  it("contradicts nothing any more when it is deleted before that was folded", async () => {
    const project = await lab.newProject();
    await run(project, "f", code("c"), "a FAILED");
    await run(project, "p", code("c"), "a PASSED");
    await lab.settle();
    expect(await failures(project)).toEqual(["f a flaky"]);
    await run(project, "p", code("c", true));
    const { projectId } = project;
    await lab.server.client().ingest.deleteRun({ projectId, runId: "p" });
    await lab.settle();
    expect(await failures(project)).toEqual(["f a alone"]);
    expect(await lab.differences(project.projectKey)).toEqual([]);
  });

  it("contradicts nothing any more by a pass that was met before it was folded", async () => {
    const project = await lab.newProject();
    await run(project, "f", code("c"), "a FAILED");
    // It passes when the queue was read, and before the failure is judged.
    const watched = actingBefore(/AS c\(commit_sha, tree_sha, ord\)/, async () => {
      await run(project, "p", code("c"), "a PASSED");
    });
    await meetsThenForgets(project, watched);
  });

  it("is no difference to a recount before that is folded", async () => {
    const project = await lab.newProject();
    await run(project, "f", code("c"), "a FAILED");
    await run(project, "p", code("c"), "a PASSED");
    await lab.settle();
    await run(project, "p", code("c", true));
    expect(await lab.differences(project.projectKey)).toEqual([]);
  });

  it("contradicts nothing any more by a commit that it had for a moment", async () => {
    const project = await lab.newProject();
    await run(project, "p", {}, "a PASSED");
    await lab.settle();
    await run(project, "f", code("c"), "a FAILED");
    // It gets its commit when what has changed was looked for, and before the failure is judged.
    const watched = actingBefore(/FROM fold_queue[^;]* weight <> 0/, async () => {
      await run(project, "p", code("c"));
    });
    await meetsThenForgets(project, watched);
  });
});

describe("facts that are told later", () => {
  it("move what is folded to another day and branch", async () => {
    const project = await lab.newProject();
    const list = results("a FAILED 10", "b PASSED 20");
    await send(project, { run: { runId: "r" }, results: list });
    await lab.settle();
    const startMs = Date.UTC(2026, 0, 5, 12);
    const startTime = timestampFromMs(startMs);
    await send(project, { run: { runId: "r", startTime, source: { branch: "main" } } });
    await lab.settle();
    const days = await lab.db.query(
      `SELECT DISTINCT 'test' AS of, day::text FROM test_days WHERE project_key = $1
      UNION ALL
      SELECT DISTINCT branch, (start_at AT TIME ZONE 'UTC')::date::text FROM project_periods
      WHERE project_key = $1 AND NOT all_branches AND passed_count > 0`,
      [project.projectKey],
    );
    expect(days).toEqual([
      { of: "test", day: "2026-01-05" },
      { of: "main", day: "2026-01-05" },
    ]);
    expect(await lab.differences(project.projectKey)).toEqual([]);
  });

  it("move one run after the other, and name each once", { timeout: 120_000 }, async () => {
    await using idle = await startFoldLab({ withoutJobs: true });
    const { ingest } = idle.server.client(idle.server.allToken);
    const step = () => foldNext(idle.db, idle.projectKey, foldNow());
    await ingest.ingestRun({ run: { runId: "first" }, results: results("a PASSED") });
    for (let page = 0; page < 5; page++) {
      const others = Array.from({ length: 4_500 }, (_, i) => `${page}-${i} PASSED`);
      await ingest.ingestRun({ run: { runId: "large" }, results: results("a FAILED", ...others) });
    }
    await idle.settle();
    const told = (runId: string, hoursAgo: number) => {
      const startTime = timestampFromMs(Date.now() - hoursAgo * 3_600_000);
      return ingest.ingestRun({ run: { runId, startTime } });
    };
    await told("large", 30);
    // More than a page: some of its results have moved, others not.
    expect(await step()).toBe("folded");
    await told("first", 50);
    expect(await step()).toBe("folded");
    await idle.settle();
    expect(await idle.differences()).toEqual([]);
  });
});

describe("windows", () => {
  it("move on with the days, of tests that have results and of those that have none", async () => {
    const project = await lab.newProject();
    const daysAgo = (days: number) => timestampFromMs(Date.now() - days * 24 * 3_600_000);
    for (const [runId, days] of [
      ["r0", 0],
      ["r5", 5],
      ["r80", 80],
    ] as const) {
      await send(project, {
        run: { runId, startTime: daysAgo(days) },
        results: results("a PASSED 10", "b FAILED 20"),
      });
    }
    await lab.settle();
    const passed = async () => {
      const [row] = await lab.db.query<{ counts: string }>(
        `SELECT concat_ws(' ', passed_1, passed_7, passed_30, passed_90) AS counts
        FROM test_windows WHERE project_key = $1 AND passed_90 + passed_30 + failed_90 >= 0
        ORDER BY test_key LIMIT 1`,
        [project.projectKey],
      );
      return row?.counts;
    };
    expect(await passed()).toBe("1 2 2 3");
    const told: Record<number, string | undefined> = {};
    for (const days of [1, 2, 11, 29, 30, 89, 90, 200]) {
      await using job = lab.job(days);
      await job.runOnce();
      expect(await lab.differences(project.projectKey)).toEqual([]);
      told[days] = await passed();
    }
    expect(told).toEqual({
      1: "0 2 2 3",
      2: "0 1 2 3",
      11: "0 0 2 2",
      29: "0 0 1 2",
      30: "0 0 0 2",
      89: "0 0 0 1",
      90: "0 0 0 0",
      200: "0 0 0 0",
    });
    // A result of today does not bring them back.
    await send(project, {
      run: { runId: "r0" },
      part: { attempt: 2 },
      results: results("a PASSED 5"),
    });
    await lab.settle(200);
    expect(await lab.differences(project.projectKey)).toEqual([]);
    expect(await passed()).toBe("0 0 0 0");
  });
});

describe("a deleted run", () => {
  it("is purged again when results come while it is purged", async () => {
    const project = await lab.newProject();
    await send(project, { run: { runId: "r" }, results: results("a PASSED 10") });
    await lab.settle();
    await lab.server.client().ingest.deleteRun({ projectId: project.projectId, runId: "r" });
    await lab.settle();
    // A statement that began before the deletion, and ends after the purge.
    await lab.db.query(
      `WITH run AS (SELECT * FROM runs WHERE project_key = $1),
      late AS (
        INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
        SELECT $1, run_key, 1, 77, run_day, 1, 1, 'late' FROM run
      )
      INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
      SELECT $1, run_key, 77, '{1}', '{1}', '{NULL}' FROM run`,
      [project.projectKey],
    );
    await lab.settle();
    const left = await lab.db.query(
      `SELECT 'results' FROM results WHERE project_key = $1
      UNION ALL SELECT 'part_totals' FROM part_totals WHERE project_key = $1
      UNION ALL SELECT 'test_days' FROM test_days WHERE project_key = $1
      UNION ALL SELECT 'test_windows' FROM test_windows WHERE project_key = $1`,
      [project.projectKey],
    );
    expect(left).toEqual([]);
    expect(await lab.differences(project.projectKey)).toEqual([]);
  });
});
