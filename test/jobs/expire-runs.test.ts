import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PublishResultsRequestSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { TimeUnit } from "../../gen/tally/v1/stats_service_pb.js";
import { errorReason, uploadResults } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import {
  deleteRaw,
  expireRuns as expireStored,
  listRunsToEmpty,
  listRunsToSeal,
  markEmpty,
  sealRuns,
} from "../../src/db/expired-runs.js";
import { ensureResultsPartition } from "../../src/db/results-partitions.js";
import { withSnapshot } from "../../src/db/snapshot.js";
import { readPartVerdicts } from "../../src/ingest/part-verdicts.js";
import { expireRuns } from "../../src/jobs/expire-runs.js";
import { findMissingTests } from "../../src/jobs/find-missing-tests.js";
import { purgeDeleted } from "../../src/jobs/purge-deleted.js";
import { settleRuns } from "../../src/jobs/settle-runs.js";
import { createLogger } from "../../src/log.js";
import { createComparison } from "../../src/stats/recount/differences.js";
import { recountProject } from "../../src/stats/recount/recount-project.js";
import { foldAll } from "../support/fold-all.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { createProject } from "./project.js";

let server: TestServer;
let other: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer({ withoutJobs: true });
  other = await startTestServer({ databaseUrl: server.databaseUrl, withoutJobs: true });
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const log = createLogger("silent");
const expire = (on = db) => expireRuns({ db: on, log, now: Date.now }).runOnce();

/** A project that keeps its runs for so many days, with a client of each server. */
async function newProject(retentionDays: number) {
  const project = await createProject(server, db, { retentionDays });
  return { ...project, there: other.client(project.secret) };
}
type Project = Awaited<ReturnType<typeof newProject>>;

let kept: Project | undefined;
/** A project that keeps its runs for ever. */
const keeper = async () => {
  kept ??= await newProject(0);
  return kept;
};

const results = (count: number, status = Status.PASSED) =>
  Array.from({ length: count }, (_, i) => ({ test: { name: `test ${i}` }, status }));

/**
 * All of a project was stored so many days earlier; its results move to the partitions of those days. Another project
 * keeps a run of each day, so that no month leaves whole.
 */
async function age({ projectKey }: Project, days: number): Promise<void> {
  const rows = await db.query<{ day: string }>(
    `INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given)
    SELECT $1, gen_random_uuid(), day, 1, now(), false
    FROM (SELECT DISTINCT run_day - ${days} AS day FROM runs WHERE project_key = ${projectKey}) AS d
    RETURNING run_day::text AS day`,
    [(await keeper()).projectKey],
  );
  for (const { day } of rows) await ensureResultsPartition(db, day);
  const earlier = (column: string) => `${column} = ${column} - ${days} * interval '1 day'`;
  await db.run(`
    UPDATE runs SET run_day = run_day - ${days}, ${earlier("created_at")}
    WHERE project_key = ${projectKey};
    UPDATE results SET run_day = run_day - ${days} WHERE project_key = ${projectKey};
    UPDATE batches SET ${earlier("created_at")} WHERE project_key = ${projectKey};
    UPDATE run_parts SET ${earlier("created_at")} WHERE project_key = ${projectKey}`);
}

/** The time passes after which no statement can know an expired run as open. */
const pass = ({ projectKey }: Project) =>
  db.query(
    `UPDATE runs SET expired_at = expired_at - interval '1 hour'
    WHERE project_key = $1 AND expired_at > now() - interval '1 hour'`,
    [projectKey],
  );

/** What waits to be folded of a project is out of sight, as what a statement under way will have left. */
const hideQueue = ({ projectKey }: Project) =>
  db.run(`CREATE TABLE hidden AS SELECT * FROM fold_queue WHERE project_key = ${projectKey};
    DELETE FROM fold_queue WHERE project_key = ${projectKey}`);
const showQueue = () => db.run("INSERT INTO fold_queue SELECT * FROM hidden; DROP TABLE hidden");

const count = (table: string, project: Project, where?: string) => project.count(table, where);

/** Why a call is refused. */
async function refusal(call: Promise<unknown>): Promise<[Code, string | undefined]> {
  const error = ConnectError.from(
    await call.then(
      () => "taken",
      (cause: unknown) => cause,
    ),
  );
  return [error.code, errorReason(error)];
}
const EXPIRED = [Code.FailedPrecondition, "RUN_EXPIRED"];

describe("runs that are older than their project keeps them", () => {
  it("lose their results, and keep their totals, states and figures", async () => {
    const project = await newProject(30);
    const { client } = project;
    const run = { runId: "old", source: { branch: "main" } };
    // A part that fails by its results alone, one that says so itself, and one that has not finished.
    await uploadResults(client, { run, part: { job: "derived" } }, [
      ...results(20),
      { test: { name: "bad" }, status: Status.FAILED, failure: { message: "boom" } },
    ]);
    await client.ingest.ingestRun({
      run: { ...run, status: Status.PASSED },
      part: { job: "given" },
      results: [...results(3), { test: { name: "" }, status: Status.PASSED }],
    });
    await client.ingest.ingestRun({
      run,
      part: { job: "open" },
      results: results(2, Status.ERRORED),
    });
    await client.ingest.ingestRun({ run: { ...run, status: Status.PASSED }, results: results(3) });
    await age(project, 31);
    await client.ingest.ingestRun({
      run: { runId: "young", status: Status.PASSED },
      results: results(4),
    });
    await fold();
    const before = await client.stats.getRun({ runId: "old" });
    expect(before.parts.map(({ part, status }) => [part?.job, status])).toEqual([
      ["", Status.PASSED],
      ["derived", Status.FAILED],
      ["given", Status.PASSED],
      ["open", Status.ERRORED],
    ]);
    expect(before.run?.totals?.resultCount).toBe(29n);
    const listed = (await client.stats.listRuns({})).runs;

    await expire();
    const closed = await client.stats.getRun({ runId: "old" });
    expect(closed.run?.expireTime).toBeDefined();
    expect(await count("results", project)).toBe(33);
    await pass(project);
    await expire();

    const after = await client.stats.getRun({ runId: "old" });
    expect(after).toEqual({ ...before, run: { ...before.run, expireTime: after.run?.expireTime } });
    expect((await client.stats.getRun({ runId: "young" })).run?.expireTime).toBeUndefined();
    const relisted = (await client.stats.listRuns({})).runs;
    expect(relisted.map((each) => ({ ...each, expireTime: undefined }))).toEqual(listed);
    const { results: listedResults, nextPageToken } = await client.stats.listResults({
      runId: "old",
    });
    expect([listedResults, nextPageToken]).toEqual([[], ""]);
    // Of results and ledger, the young run's alone are left; runs, parts, tests and refusals stay.
    expect(await count("results", project)).toBe(4);
    expect(await count("batches", project)).toBe(1);
    expect(await count("runs", project)).toBe(2);
    expect(await count("run_parts", project)).toBe(5);
    expect(await count("rejections", project)).toBe(1);
    await expire();
    expect(await client.stats.getRun({ runId: "old" })).toEqual(after);
  });

  it("change no figure, whoever recounts it", async () => {
    const project = await newProject(30);
    const { client } = project;
    const daysAgo = (days: number) => timestampFromMs(Date.now() - days * 86_400_000);
    const send = (runId: string, days: number, status: Status) =>
      uploadResults(
        client,
        { run: { runId, source: { commitSha: "c0ffee" }, startTime: daysAgo(days) } },
        [
          ...results(30).map((each, i) => ({ ...each, duration: { seconds: BigInt(i) } })),
          { test: { name: "flaky" }, status, failure: { message: "timed out after 31 s" } },
        ],
      );
    await send("failed", 40, Status.FAILED);
    await send("passed", 40, Status.PASSED);
    await age(project, 31);
    await send("young", 3, Status.ERRORED);
    await fold();
    const figures = async () => {
      const window = { startTime: daysAgo(60), endTime: daysAgo(-1) };
      const { stats } = client;
      const {
        asOfTime: _,
        startTime: __,
        endTime: ___,
        ...totals
      } = await stats.getProjectStats(window);
      const { points } = await stats.queryTimeSeries({ ...window, unit: TimeUnit.DAY });
      const { tests } = await stats.listTests({ windowDays: 90 });
      const { tests: flaky } = await stats.listFlakyTests({ windowDays: 90 });
      const { groups } = await stats.listFailureGroups({ windowDays: 90 });
      // Of evidence and examples, what only results told has left.
      return [
        totals,
        points,
        tests,
        flaky.map((each) => ({ ...each, evidence: [] })),
        groups.map((each) => ({ ...each, first: { ...each.first, message: "" } })),
      ];
    };
    const differences = async () => {
      const found: string[] = [];
      const comparison = createComparison(({ figure, key }) => found.push(`${figure} ${key}`));
      await withSnapshot(server.databaseUrl, (snapshot) =>
        recountProject(snapshot, project.projectKey, comparison),
      );
      return found;
    };
    const before = await figures();
    expect(before[3]).toHaveLength(1);
    await expire();
    expect(await differences()).toEqual([]);
    await pass(project);
    await expire();
    expect(await count("results", project)).toBe(31);
    expect(await figures()).toEqual(before);
    expect(await differences()).toEqual([]);
  });

  type Client = Project["client"];
  const part = { job: "another" };
  const bad = [{ test: { name: "" }, status: Status.PASSED }];
  it.each<[string, (from: Client, run: { runId: string }) => Promise<unknown>]>([
    ["results", ({ ingest }, run) => ingest.ingestRun({ run, results: results(2) })],
    ["a new result", ({ ingest }, run) => ingest.ingestRun({ run, results: results(3) })],
    ["a bad result", ({ ingest }, run) => ingest.ingestRun({ run, results: bad })],
    ["no result", ({ ingest }, run) => ingest.ingestRun({ run, results: [] })],
    [
      "a label and results",
      ({ ingest }, run) =>
        ingest.ingestRun({ run: { ...run, labels: { a: "b" } }, results: results(2) }),
    ],
    [
      "a status",
      ({ ingest }, run) =>
        ingest.ingestRun({ run: { ...run, status: Status.PASSED }, results: [] }),
    ],
    ["another part", ({ ingest }, run) => ingest.ingestRun({ run, part, results: results(2) })],
    ["a stream", (from, run) => uploadResults(from, { run }, results(2))],
    ["a stream of another part", (from, run) => uploadResults(from, { run, part }, results(2))],
    ["FinishRun", ({ ingest }, run) => ingest.finishRun(run)],
  ])(
    "refuse %s, on servers that remember them, before and after they are empty",
    async (_, send) => {
      const project = await newProject(7);
      const { client, there } = project;
      const runs = ["a", "b", "c", "d"].map((runId) => ({ runId }));
      for (const run of runs) {
        await client.ingest.ingestRun({ run, results: results(2) });
        await there.ingest.ingestRun({ run, results: results(2) });
      }
      await age(project, 8);
      await fold();
      await expire();
      const [a = { runId: "" }, b = a, c = a, d = a] = runs;
      expect(await refusal(send(client, a))).toEqual(EXPIRED);
      expect(await refusal(send(there, b))).toEqual(EXPIRED);
      await pass(project);
      await expire();
      expect(await count("results", project)).toBe(0);
      expect(await refusal(send(client, c))).toEqual(EXPIRED);
      expect(await refusal(send(there, d))).toEqual(EXPIRED);
      for (const run of runs) {
        const stored = await client.stats.getRun(run);
        expect(stored.parts).toHaveLength(1);
        expect(stored.run?.labels).toEqual({});
        expect(stored.run).toMatchObject({
          state: RunState.RUNNING,
          totals: { resultCount: 2n, duplicateCount: 2n, rejectedCount: 0n },
        });
      }
      for (const table of ["results", "batches", "fold_queue", "rejections"]) {
        expect(await count(table, project), table).toBe(0);
      }
    },
  );

  it("end a stream that was open when they expired", async () => {
    const project = await newProject(7);
    const run = { runId: "streaming" };
    let acknowledged = 0n;
    async function* frames(): AsyncGenerator<MessageInitShape<typeof PublishResultsRequestSchema>> {
      yield { frame: { case: "open", value: { run } } };
      yield { frame: { case: "batch", value: { sequence: 1n, results: results(2) } } };
      await expect.poll(() => acknowledged).toBe(1n);
      await age(project, 8);
      await fold();
      await expire();
      yield { frame: { case: "batch", value: { sequence: 2n, results: results(4) } } };
    }
    const stream = async () => {
      for await (const answer of project.client.ingest.publishResults(frames())) {
        acknowledged = answer.committedSequence ?? 0n;
      }
    };
    expect(await refusal(stream())).toEqual(EXPIRED);
    expect(acknowledged).toBe(1n);
    expect(await count("results", project)).toBe(2);
  });

  it("answer the finish that closed them, and refuse another one", async () => {
    const project = await newProject(7);
    const { client } = project;
    const finish = { runId: "closed", status: Status.FAILED };
    await client.ingest.ingestRun({ run: { runId: "closed" }, results: results(1) });
    await client.ingest.finishRun(finish);
    await age(project, 8);
    await fold();
    await expire();
    const again = await client.ingest.finishRun(finish);
    expect(again).toMatchObject({ runDuplicate: true, run: { status: Status.FAILED } });
    const another = client.ingest.finishRun({ ...finish, status: Status.PASSED });
    expect(await refusal(another)).toEqual(EXPIRED);
  });

  it("lose the tests that they lack, and are not searched for them again", async () => {
    const project = await newProject(7);
    const { client } = project;
    const send = async (runId: string, tests: number) => {
      const startTime = timestampFromMs(Date.now() - 20 * 86_400_000);
      const run = { runId, startTime, status: Status.PASSED };
      await client.ingest.ingestRun({ run, results: results(tests) });
    };
    for (const runId of ["a", "b", "c"]) await send(runId, 3);
    await send("lacking", 1);
    const missing = async () => {
      const { missingTests, missingTestCount } = await client.stats.getRun({ runId: "lacking" });
      return [missingTests.length, missingTestCount];
    };
    const later = () => Date.now() + 10_000;
    await findMissingTests({ db, log, now: later, random: Math.random }).runOnce();
    expect(await missing()).toEqual([2, 2n]);
    await age(project, 8);
    await fold();
    await expire();
    await pass(project);
    await expire();
    expect(await count("missing_tests", project)).toBe(0);
    expect(await missing()).toEqual([0, 0n]);
    // As a settlement leaves a run that was found incomplete later.
    await db.query(
      "UPDATE runs SET state_version = state_version + 1, unsettled_at = now() - interval '1 minute' WHERE project_key = $1",
      [project.projectKey],
    );
    await settleRuns({ db, log, now: Date.now, random: Math.random }).runOnce();
    expect(await count("runs", project, "unsettled_at IS NOT NULL")).toBe(0);
    expect(await count("runs", project, "missing_due_at IS NOT NULL")).toBe(0);
    expect(await missing()).toEqual([0, 0n]);
  });

  it("leave by whole UTC days", async () => {
    const project = await newProject(7);
    const { client } = project;
    await client.ingest.ingestRun({ run: { runId: "kept" }, results: results(1) });
    await age(project, 7);
    await fold();
    await expire();
    expect((await client.stats.getRun({ runId: "kept" })).run?.expireTime).toBeUndefined();
    await age(project, 1);
    await expire();
    expect((await client.stats.getRun({ runId: "kept" })).run?.expireTime).toBeDefined();
  });

  it("stay for ever where the project says so", async () => {
    const project = await newProject(0);
    await project.client.ingest.ingestRun({ run: { runId: "kept" }, results: results(1) });
    await age(project, 10_000);
    await fold();
    await expire();
    expect(await count("runs", project, "expired_at IS NULL")).toBe(1);
  });

  it("wait until what they have is folded, before they close and before they leave", async () => {
    const project = await newProject(1);
    await project.client.ingest.ingestRun({ run: { runId: "r" }, results: results(1) });
    await age(project, 2);
    await expire();
    expect(await count("runs", project, "expired_at IS NULL")).toBe(1);
    await hideQueue(project);
    await expire();
    expect(await count("runs", project, "expired_at IS NOT NULL")).toBe(1);
    // As a statement leaves it that had found the run open.
    await showQueue();
    await pass(project);
    await expire();
    expect(await count("results", project)).toBe(1);
    await fold();
    await expire();
    expect(await count("results", project)).toBe(0);
    expect(await count("batches", project)).toBe(0);
  });

  it("count by what was told of them until they closed", async () => {
    const project = await newProject(1);
    const { client } = project;
    await client.ingest.ingestRun({ run: { runId: "r" }, results: results(1, Status.FAILED) });
    await age(project, 2);
    const startTime = timestampFromMs(Date.now() - 3 * 86_400_000);
    await client.ingest.ingestRun({ run: { runId: "young", source }, results: results(1) });
    await fold();
    await client.ingest.ingestRun({
      run: { runId: "r", startTime, source: { ...source, branch: "main" } },
    });
    await hideQueue(project);
    await expire();
    expect(await count("runs", project, "expired_at IS NOT NULL")).toBe(1);
    await showQueue();
    await fold();
    const { points } = await client.stats.queryTimeSeries({
      startTime: timestampFromMs(Date.now() - 5 * 86_400_000),
      branch: "main",
      unit: TimeUnit.DAY,
    });
    const days = points.flatMap(({ startTime: time, results: counted }) =>
      counted?.resultCount ? [Math.floor(Number(time?.seconds) / 86_400)] : [],
    );
    expect(days).toEqual([Math.floor(Number(startTime.seconds) / 86_400)]);
    expect(await count("failures", project, "contradicted")).toBe(1);
    await pass(project);
    await expire();
    expect(await count("runs", project, "expire_step = 2")).toBe(1);
  });

  it("keep their failures for 90 days at least, and for as long as the project keeps runs", async () => {
    const project = await newProject(100);
    const { client, projectId } = project;
    await client.ingest.ingestRun({ run: { runId: "r" }, results: results(3, Status.FAILED) });
    await age(project, 91);
    await fold();
    const keepFor = (retentionDays: number) =>
      server.client().tenancy.updateProject({
        project: { projectId, settings: { retentionDays } },
        updateMask: { paths: ["settings.retention_days"] },
      });
    const settle = async () => {
      await expire();
      await pass(project);
      await expire();
    };
    await settle();
    expect(await count("results", project)).toBe(3);
    await age(project, 10);
    await settle();
    // Its results have left, and its failures, both being older than 100 days.
    expect(await count("results", project)).toBe(0);
    expect(await count("failures", project)).toBe(0);

    await keepFor(1);
    await client.ingest.ingestRun({ run: { runId: "s" }, results: results(3, Status.FAILED) });
    await age(project, 89);
    await fold();
    await settle();
    expect(await count("results", project)).toBe(0);
    expect(await count("failures", project)).toBe(3);
    await age(project, 1);
    await settle();
    expect(await count("failures", project)).toBe(3);
    await age(project, 1);
    await settle();
    expect(await count("failures", project)).toBe(0);
  });
});

describe("the job", () => {
  /** A project with expired runs of two days, folded, whose time has passed. */
  async function expiredRuns(): Promise<Project> {
    const project = await newProject(1);
    const { client } = project;
    const send = (runId: string) =>
      uploadResults(client, { run: { runId } }, [
        ...results(50),
        { test: { name: "bad" }, status: Status.FAILED },
        // Of some, it passed when it was tried again.
        ...(runId < "c" ? [] : [{ test: { name: "bad" }, status: Status.PASSED, attempt: 2 }]),
        // Of some, a failure is refused: of a test that is not known, or as a conflict.
        ...(runId === "d" ? [{ test: { name: "" }, status: Status.FAILED }] : []),
        ...(runId === "e" ? [{ test: { name: "bad" }, status: Status.ERRORED }] : []),
      ]);
    await Promise.all(["a", "b", "c"].map(send));
    await age(project, 1);
    await Promise.all(["d", "e"].map(send));
    await age(project, 2);
    await fold();
    return project;
  }
  const statuses = async ({ client }: Project) => {
    const { runs } = await client.stats.listRuns({});
    return Promise.all(
      runs
        .sort((a, b) => (a.runId < b.runId ? -1 : 1))
        .map(async ({ runId }) => {
          const { run, parts } = await client.stats.getRun({ runId });
          return [runId, run?.status, run?.totals?.resultCount, parts.map(({ status }) => status)];
        }),
    );
  };

  it("of several servers does it once, and nobody is in the other's way", async () => {
    const project = await expiredRuns();
    const before = await statuses(project);
    await using second = new Connection({ url: server.databaseUrl, prepare: true });
    await Promise.all([expire(), expire(second)]);
    expect(await count("runs", project, "expired_at IS NULL")).toBe(0);
    await pass(project);
    await Promise.all([expire(), expire(second)]);
    await expire();
    expect(await count("runs", project, "expire_step < 2")).toBe(0);
    for (const table of ["results", "batches", "fold_queue"]) {
      expect(await count(table, project), table).toBe(0);
    }
    expect(await statuses(project)).toEqual(before);
  });

  it("goes on where another one was killed, and reads no verdict from half the results", async () => {
    const project = await expiredRuns();
    const { projectKey } = project;
    const before = await statuses(project);
    expect(before[0]).toEqual(["a", Status.FAILED, 51n, [Status.FAILED]]);
    expect(before[3]).toEqual(["d", Status.FAILED, 52n, [Status.FAILED]]);
    expect(before[4]).toEqual(["e", Status.PASSED, 52n, [Status.PASSED]]);
    expect(await expireStored(db, projectKey, 2)).toBe(2);
    await expire();
    await pass(project);
    const sealed = await listRunsToSeal(db, projectKey, 0, 3);
    const verdicts = await readPartVerdicts(db, projectKey, sealed, Infinity);
    expect(await sealRuns(db, projectKey, sealed, verdicts)).toBe(3);
    expect(await sealRuns(db, projectKey, sealed, [])).toBe(0);
    expect(await statuses(project)).toEqual(before);
    const emptying = await listRunsToEmpty(db, projectKey, [], 100);
    expect(emptying).toHaveLength(3);
    expect(await deleteRaw(db, "results", projectKey, emptying, 10)).toBe(10);
    await db.query(
      `DELETE FROM results r USING runs
      WHERE r.project_key = $1 AND runs.run_key = r.run_key AND expire_step = 1
        AND (r.attempt = 2 OR run_id < 'c' AND r.status = 2)`,
      [projectKey],
    );
    expect(await deleteRaw(db, "batches", projectKey, emptying, 1)).toBe(1);
    expect(await markEmpty(db, projectKey, emptying)).toBe(0);
    expect(await statuses(project)).toEqual(before);
    await expire();
    expect(await count("results", project)).toBe(0);
    expect(await count("batches", project)).toBe(0);
    expect(await statuses(project)).toEqual(before);
  });

  it("leaves deleted runs to their purge, and does not touch those of another project", async () => {
    const project = await expiredRuns();
    const neighbour = await newProject(0);
    await neighbour.client.ingest.ingestRun({ run: { runId: "n" }, results: results(5) });
    await age(neighbour, 400);
    await expire();
    await pass(project);
    const counted = async () => {
      const window = { startTime: timestampFromMs(Date.now() - 9 * 86_400_000) };
      return (await project.client.stats.getProjectStats(window)).results?.resultCount;
    };
    expect(await counted()).toBe(51n + 51n + 52n * 3n);
    await project.client.ingest.deleteRun({ runId: "a" });
    await expire();
    expect(await count("runs", project, "run_id <> 'a' AND expire_step = 2")).toBe(4);
    // The purge finds all of its results, and takes them from the figures.
    await expect
      .poll(async () => {
        await purgeDeleted({ db, log, now: Date.now, random: Math.random }).runOnce();
        await fold();
        return count("runs", project, "purged_at IS NOT NULL");
      })
      .toBe(1);
    expect(await counted()).toBe(51n + 52n * 3n);
    await expire();
    expect(await count("runs", project, "expire_step < 2")).toBe(0);
    expect(await count("results", neighbour)).toBe(5);
  });
});

const source = { commitSha: "c0ffee" };
const upload = ({ client }: Project, runId: string, ...statuses: Status[]) =>
  client.ingest.ingestRun({
    run: { runId, source },
    results: statuses.map((status, i) => ({ test: { name: "a" }, status, attempt: i + 1 })),
  });
const expireOld = async (project: Project) => {
  await expire();
  await pass(project);
  await expire();
  expect(await count("runs", project, "expire_step = 2")).toBe(1);
};

describe("a failure that a pass contradicted which has expired", () => {
  const flaky = (project: Project) => count("failures", project, "contradicted");

  it.each<[string, (project: Project) => Promise<unknown>]>([
    [
      "another one is deleted",
      async (project) => {
        await upload(project, "passed", Status.PASSED);
        await fold();
        await project.client.ingest.deleteRun({ runId: "passed" });
      },
    ],
    [
      "the run of another one turns out to be dirty",
      async (project) => {
        await upload(project, "passed", Status.PASSED);
        await fold();
        const run = { runId: "passed", source: { ...source, dirty: true } };
        await project.client.ingest.ingestRun({ run });
      },
    ],
    [
      "its run gets a tree",
      async ({ client }) => {
        const run = { runId: "failed", source: { ...source, treeSha: "beef" } };
        await client.ingest.ingestRun({ run });
      },
    ],
  ])("stays flaky when %s", async (_, happen) => {
    for (const statuses of [[Status.FAILED, Status.PASSED], [Status.PASSED]]) {
      const project = await newProject(30);
      await upload(project, "old", ...statuses);
      await age(project, 31);
      await upload(project, "failed", Status.FAILED);
      await fold();
      expect(await flaky(project)).toBe(statuses.length);
      await expireOld(project);
      await happen(project);
      await purge(project);
      expect(await count("fold_queue", project)).toBe(0);
      expect(await flaky(project)).toBe(statuses.length);
    }
  });

  it("is followed by the next one, also in a step that takes another pass away", async () => {
    for (const isOneStep of [false, true]) {
      const project = await newProject(30);
      await upload(project, "old", Status.PASSED);
      await age(project, 31);
      await upload(project, "failed", Status.FAILED);
      await upload(project, "passed", Status.PASSED);
      await fold();
      await expireOld(project);
      await project.client.ingest.deleteRun({ runId: "passed" });
      await purgeDeleted({ db, log, now: Date.now, random: Math.random }).runOnce();
      expect(await count("fold_queue", project, "weight = -1")).toBe(1);
      if (!isOneStep) await fold();
      await upload(project, "next", Status.FAILED);
      await fold();
      expect(await flaky(project), `one step: ${isOneStep}`).toBe(2);
    }
  });

  it("stays flaky no longer than its passes for an old run that had no results", async () => {
    const project = await newProject(30);
    await project.client.ingest.ingestRun({ run: { runId: "old", source } });
    await age(project, 31);
    await upload(project, "failed", Status.FAILED);
    await upload(project, "passed", Status.PASSED);
    await fold();
    expect(await flaky(project)).toBe(1);
    await expireOld(project);
    await project.client.ingest.deleteRun({ runId: "passed" });
    await purge(project);
    expect(await flaky(project)).toBe(0);
  });
});

describe("the last run of a test", () => {
  it("is one that comes after the last one was deleted, though it counts before that", async () => {
    const project = await newProject(30);
    await upload(project, "old", Status.PASSED);
    await age(project, 31);
    await upload(project, "gone", Status.PASSED);
    await fold();
    await expireOld(project);
    await project.client.ingest.deleteRun({ runId: "gone" });
    await purge(project);
    const startTime = timestampFromMs(Date.now() - 3_600_000);
    await project.client.ingest.ingestRun({
      run: { runId: "late", startTime },
      results: [{ test: { name: "a" }, status: Status.FAILED }],
    });
    await fold();
    const { tests } = await project.client.stats.listTests({});
    expect(tests).toMatchObject([{ lastRunId: "late", lastStatus: Status.FAILED }]);
  });
});

/** Deleted runs leave, and the figures too. */
async function purge(project: Project): Promise<void> {
  const deps = { db, log, now: Date.now, random: Math.random };
  await expect
    .poll(async () => {
      await purgeDeleted(deps).runOnce();
      await fold();
      return count("runs", project, "deleted_at IS NOT NULL AND purged_at IS NULL");
    })
    .toBe(0);
}

/** Folds everything that was sent before. */
const fold = async () => expect(await foldAll(db)).toBe(true);
