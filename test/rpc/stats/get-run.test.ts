import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import type { TallyClient } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { findMissingTests } from "../../../src/jobs/find-missing-tests.js";
import { createLogger } from "../../../src/log.js";
import { countLockWaiters } from "../../support/lock-waiters.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
let client: TallyClient;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  client = server.client(server.allToken);
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

let branch = "";
let drawn = 0;
/** A branch of its own for each test, whose runs start a minute after each other. */
function newBranch(): void {
  drawn += 1;
  branch = `branch ${drawn}`;
}
let startedAt = Date.parse("2026-01-10T10:00:00Z");
const idOf = (name: string) => `${branch} ${name}`;

interface Sent {
  readonly job?: string;
  readonly status?: Status | null;
  readonly on?: string;
  readonly part?: object;
}

/** A part of a run with these tests; finished unless the status is null. */
async function send(name: string, tests: readonly string[], sent: Sent = {}): Promise<void> {
  startedAt += 60_000;
  const { job = "unit", status = Status.PASSED, on = branch, part } = sent;
  await client.ingest.ingestRun({
    run: {
      runId: idOf(name),
      source: { branch: on },
      startTime: { seconds: BigInt(startedAt / 1000) },
      ...(status === null ? {} : { status }),
    },
    part: { job, ...part },
    results: tests.map((test) => ({
      test: { file: `file of ${test}`, name: test },
      status: Status.PASSED,
    })),
  });
}

/** The job, as if all that is due were due long enough. */
const find = () =>
  findMissingTests({
    db,
    log: createLogger("silent"),
    now: () => Date.now() + 10_000,
    random: () => 0,
  }).runOnce();

async function missingOf(name: string): Promise<string[]> {
  const { missingTests, missingTestCount } = await client.stats.getRun({ runId: idOf(name) });
  expect(missingTestCount).toBe(BigInt(missingTests.length));
  return missingTests.map(({ test, job }) => `${job} ${test?.name}`);
}

describe("the missing tests of a run", () => {
  it("are those of 3 of the last 5 finished runs, with the newest that had each", async () => {
    newBranch();
    await send("0", ["a", "b", "c", "z"]);
    await send("1", ["a", "b", "z"]);
    await send("2", ["a", "b"]);
    await send("3", ["a", "c"]);
    await send("4", ["a", "b"]);
    await send("5", ["a", "d"]);
    await send("now", ["new"]);
    await find();
    // Of 1 to 5, z was in one, c in one, d in one; b in three.
    expect(await missingOf("now")).toEqual(["unit a", "unit b"]);
    const { missingTests } = await client.stats.getRun({ runId: idOf("now") });
    expect(missingTests).toMatchObject([
      { lastRunId: idOf("5"), test: { file: "file of a" } },
      { lastRunId: idOf("4"), test: { file: "file of b" } },
    ]);
    const { results } = await client.stats.listResults({ runId: idOf("5"), text: "file of a" });
    expect(missingTests[0]?.testId).toBe(results[0]?.testId);
  });

  it("need three runs before this one on its branch that finished with the job", async () => {
    newBranch();
    await send("1", ["a"]);
    await send("2", ["a"]);
    await send("elsewhere", ["a"], { on: "elsewhere" });
    await send("running", ["a"], { status: null });
    await send("other job", ["a"], { job: "e2e" });
    await send("now", ["b"]);
    await find();
    expect(await missingOf("now")).toEqual([]);
    await send("later", ["a"]);
    await send("then", ["b"]);
    await find();
    expect(await missingOf("now")).toEqual([]);
    expect(await missingOf("then")).toEqual(["unit a"]);
  });

  it("are told by job, of those that have finished here", async () => {
    newBranch();
    for (const run of ["1", "2", "3"]) {
      await send(run, ["a", "b"], { job: "linux" });
      await send(run, ["a", "b"], { job: "mac" });
      await send(run, ["a"], { job: "slow" });
    }
    await send("now", ["a"], { job: "linux" });
    await send("now", [], { job: "mac", status: null });
    await find();
    expect(await missingOf("now")).toEqual(["linux b"]);
    await send("now", ["b"], { job: "mac" });
    await find();
    expect(await missingOf("now")).toEqual(["mac a", "linux b"]);
  });

  it("wait for every shard, and for the last attempt of each", async () => {
    newBranch();
    for (const run of ["1", "2", "3"]) await send(run, ["a", "b"]);
    const shard = (shardIndex: number, attempt = 1) => ({
      part: { shardIndex, shardTotal: 2, attempt },
    });
    await send("now", ["a"], shard(1));
    await find();
    expect(await missingOf("now")).toEqual([]);
    await send("now", [], shard(2));
    await find();
    expect(await missingOf("now")).toEqual(["unit b"]);
    await send("now", [], { ...shard(2, 2), status: null });
    await find();
    expect(await missingOf("now")).toEqual([]);
    await client.ingest.finishRun({ runId: idOf("now") });
    await find();
    expect(await missingOf("now")).toEqual(["unit b"]);
  });

  it("are no longer told once they have come, before anybody looks again", async () => {
    newBranch();
    const many = Array.from({ length: 150 }, (_, i) => `t${1000 + i}`);
    for (const run of ["1", "2", "3"]) await send(run, many);
    await send("now", ["other"]);
    await find();
    const before = await client.stats.getRun({ runId: idOf("now") });
    expect(before.missingTestCount).toBe(150n);
    expect(before.missingTests.map(({ test }) => test?.name)).toEqual(many.slice(0, 100));
    await send("now", many.slice(0, 60), { status: null });
    const after = await client.stats.getRun({ runId: idOf("now") });
    expect(after.missingTestCount).toBe(90n);
    expect(after.missingTests.map(({ test }) => test?.name)).toEqual(many.slice(60));
    await find();
    expect(await client.stats.getRun({ runId: idOf("now") })).toEqual(after);
  });

  it("are no longer told once they have come by a statement that the finish of their part overtook", async () => {
    newBranch();
    for (const run of ["1", "2", "3"]) await send(run, ["a", "b"]);
    await send("now", ["a"], { status: null });
    await send("now", [], { job: "e2e", status: null });
    await using holder = new Connection({ url: server.databaseUrl, prepare: false });
    // Whoever stores the same key waits for the end of this one.
    await holder.run(`
      BEGIN;
      INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
      SELECT r.project_key, r.run_key, t.test_key, 1, r.run_day, 1, 1, 'b'
      FROM runs r
      JOIN tests t ON t.project_key = r.project_key AND t.name = 'b'
      WHERE r.run_id = '${idOf("now")}'`);
    const storing = client.ingest.ingestRun({
      run: { runId: idOf("now") },
      part: { job: "unit" },
      results: [{ test: { file: "file of b", name: "b" }, status: Status.PASSED, resultId: "b" }],
    });
    await expect.poll(() => countLockWaiters(db)).toBe(1);
    await send("now", []);
    await find();
    expect(await missingOf("now")).toEqual(["unit b"]);
    await holder.run("ROLLBACK");
    expect((await storing).acceptedCount).toBe(1n);
    expect(await missingOf("now")).toEqual([]);
  });

  it("are looked for once, also where the run is settled only then", async () => {
    newBranch();
    await send("now", ["a"]);
    const whereRun = "WHERE run_id = $1";
    const set = (text: string) => db.query(`UPDATE runs SET ${text} ${whereRun}`, [idOf("now")]);
    const due = () =>
      db.query(`SELECT FROM runs ${whereRun} AND missing_due_at IS NOT NULL`, [idOf("now")]);
    const finish = () => client.ingest.finishRun({ runId: idOf("now") });
    await finish();
    expect(await due()).toHaveLength(1);
    await find();
    expect(await due()).toEqual([]);
    // Somebody has changed the run, and comes to settle it when its missing tests have been found.
    await set("state_version = state_version + 1, unsettled_at = now(), missing_due_at = now()");
    await find();
    await finish();
    expect(await due()).toEqual([]);
    // As a server before this one may have left it.
    await set("missing_due_at = now()");
    await find();
    expect(await due()).toEqual([]);
  });

  it("are counted beyond those that are kept", async () => {
    newBranch();
    const many = Array.from({ length: 1_200 }, (_, i) => `t${10_000 + i}`);
    for (const run of ["1", "2", "3"]) await send(run, many);
    await send("now", many.slice(-10));
    await find();
    const { missingTestCount, missingTests } = await client.stats.getRun({ runId: idOf("now") });
    expect(missingTestCount).toBe(1_190n);
    expect(missingTests.map(({ test }) => test?.name)).toEqual(many.slice(0, 100));
  });

  it("forget a run that is deleted", async () => {
    newBranch();
    for (const run of ["1", "2", "3", "4"]) await send(run, ["a"]);
    await send("now", ["b"]);
    await find();
    await client.ingest.deleteRun({ runId: idOf("4") });
    const { missingTests } = await client.stats.getRun({ runId: idOf("now") });
    expect(missingTests).toMatchObject([{ lastRunId: "" }]);
  });

  it("are found by the server's own job", async () => {
    newBranch();
    for (const run of ["1", "2", "3"]) await send(run, ["a"]);
    await send("now", ["b"]);
    await expect.poll(() => missingOf("now")).toEqual(["unit a"]);
  });
});

describe("the status that a part has by its results", () => {
  const { PASSED, FAILED, ERRORED, SKIPPED } = Status;
  type Try = readonly [attempt: number, repeatIndex: number, status: Status];

  it.each<[string, Try[], Status]>([
    [
      "a later attempt that passed",
      [
        [1, 0, FAILED],
        [2, 0, PASSED],
      ],
      PASSED,
    ],
    [
      "an earlier attempt that passed",
      [
        [1, 0, PASSED],
        [2, 0, FAILED],
      ],
      FAILED,
    ],
    [
      "a later attempt that was skipped",
      [
        [1, 0, FAILED],
        [2, 0, SKIPPED],
      ],
      FAILED,
    ],
    [
      "the third that passed",
      [
        [1, 0, FAILED],
        [2, 0, ERRORED],
        [3, 0, PASSED],
      ],
      PASSED,
    ],
    [
      "one repeat that passed later, of two",
      [
        [1, 0, FAILED],
        [2, 0, PASSED],
        [1, 1, FAILED],
      ],
      FAILED,
    ],
    [
      "one repeat that passed at once",
      [
        [1, 0, PASSED],
        [1, 1, ERRORED],
      ],
      ERRORED,
    ],
    [
      "both repeats that passed later",
      [
        [1, 0, FAILED],
        [2, 0, PASSED],
        [1, 1, ERRORED],
        [2, 1, PASSED],
      ],
      PASSED,
    ],
    [
      "one repeat's later failure",
      [
        [1, 0, FAILED],
        [2, 0, FAILED],
        [1, 1, FAILED],
        [2, 1, PASSED],
      ],
      FAILED,
    ],
    [
      "repeats that took two and three attempts",
      [
        [1, 0, FAILED],
        [2, 0, PASSED],
        [1, 1, FAILED],
        [2, 1, FAILED],
        [3, 1, PASSED],
      ],
      PASSED,
    ],
  ])("knows %s", async (name, tries, status) => {
    const runId = `tries ${name}`;
    await client.ingest.ingestRun({
      run: { runId },
      results: tries.map(([attempt, repeatIndex, status]) => ({
        test: { name: "tried" },
        attempt,
        repeatIndex,
        status,
      })),
    });
    await client.ingest.finishRun({ runId });
    const { parts } = await client.stats.getRun({ runId });
    expect(parts.map((part) => part.status)).toEqual([status]);
  });
});
