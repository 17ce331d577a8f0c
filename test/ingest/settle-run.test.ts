import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Connection } from "../../src/db/client.js";
import { abandonRuns } from "../../src/jobs/abandon-runs.js";
import { createLogger } from "../../src/log.js";
import { startTestServer, type TestServer } from "../support/server.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer();
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const ingest = () => server.client(server.allToken).ingest;
/** What filters and counts see of a run. */
const stored = async (runId: string) => {
  const [row] = await db.query(
    `SELECT state, status, finished_at::text, unsettled_at IS NULL AS settled FROM runs WHERE run_id = $1`,
    [runId],
  );
  return row;
};
const finishTime = timestampFromDate(new Date("2026-01-12T10:00:00.123Z"));
const FINISHED_AT = "2026-01-12 10:00:00.123+00";
const result = (name: string, status: Status) => ({ test: { name }, status });

describe("what is stored of a run with its state", () => {
  it("has its status and finish when its finish is acknowledged", async () => {
    const results = [result("a", Status.PASSED), result("b", Status.FAILED)];
    const run = { runId: "ended", status: Status.FAILED, finishTime };
    await ingest().ingestRun({ run, results });
    expect(await stored("ended")).toEqual({
      state: 2,
      status: Status.FAILED,
      finished_at: FINISHED_AT,
      settled: true,
    });
  });

  it("has neither while the run is RUNNING, again if it is once more", async () => {
    const runId = "again";
    await ingest().ingestRun({ run: { runId, status: Status.PASSED, finishTime }, results: [] });
    expect(await stored(runId)).toMatchObject({ status: Status.PASSED, finished_at: FINISHED_AT });
    const part = { job: "second" };
    await ingest().ingestRun({ run: { runId }, part, results: [result("a", Status.FAILED)] });
    expect(await stored(runId)).toEqual({
      state: 1,
      status: null,
      finished_at: null,
      settled: true,
    });
  });

  it("has no status where nothing is known, and the status that late results make", async () => {
    const runId = "closed";
    const part = { job: "only" };
    await ingest().ingestRun({ run: { runId }, part });
    await ingest().finishRun({ runId, finishTime });
    expect(await stored(runId)).toMatchObject({ state: 2, status: null, finished_at: FINISHED_AT });
    await ingest().ingestRun({ run: { runId }, part, results: [result("a", Status.ERRORED)] });
    expect(await stored(runId)).toMatchObject({ state: 2, status: Status.ERRORED, settled: true });
  });

  it("has the verdict of each part, which late results change", async () => {
    const runId = "verdicts";
    const [a, b] = [{ job: "a" }, { job: "b" }];
    const kept = () =>
      db.query(
        `SELECT p.job, p.kept_status FROM run_parts p JOIN runs USING (project_key, run_key)
        WHERE run_id = $1 ORDER BY p.job`,
        [runId],
      );
    const verdicts = async () => {
      const { parts } = await server.client(server.allToken).stats.getRun({ runId });
      return parts.map(({ status }) => status);
    };
    await ingest().ingestRun({ run: { runId }, part: a, results: [result("x", Status.FAILED)] });
    await ingest().ingestRun({ run: { runId }, part: b, results: [result("y", Status.PASSED)] });
    await ingest().finishRun({ runId });
    expect(await kept()).toEqual([
      { job: "a", kept_status: Status.FAILED },
      { job: "b", kept_status: 0 },
    ]);
    expect(await verdicts()).toEqual([Status.FAILED, Status.PASSED]);
    const passed = { ...result("x", Status.PASSED), attempt: 2 };
    await ingest().ingestRun({ run: { runId }, part: a, results: [passed] });
    await ingest().ingestRun({ run: { runId }, part: b, results: [result("z", Status.ERRORED)] });
    expect(await kept()).toEqual([
      { job: "a", kept_status: 0 },
      { job: "b", kept_status: Status.ERRORED },
    ]);
    expect(await verdicts()).toEqual([Status.PASSED, Status.ERRORED]);
  });

  it("has the state that a repeat of what another part stored makes", async () => {
    const runId = "repeated";
    const [a, b] = [{ producer: "a" }, { producer: "b" }];
    const finished = { runId, status: Status.PASSED };
    const results = [result("x", Status.PASSED)];
    await ingest().ingestRun({ run: finished, part: a, results });
    await ingest().ingestRun({
      run: finished,
      part: b,
      results: [result("y", Status.PASSED)],
      expectedResultCount: 2n,
    });
    expect(await stored(runId)).toMatchObject({ state: 3 });
    await ingest().ingestRun({ run: { runId }, part: b, results });
    expect(await stored(runId)).toMatchObject({ state: 2, settled: true });
  });

  it("has the status of the results that an abandoned run has", async () => {
    const runId = "abandoned";
    await ingest().ingestRun({ run: { runId }, results: [result("a", Status.FAILED)] });
    for (const table of ["runs", "run_parts", "batches"]) {
      await db.query(
        `UPDATE ${table} SET created_at = created_at - interval '25 hours'
        WHERE run_key = (SELECT run_key FROM runs WHERE run_id = $1)`,
        [runId],
      );
    }
    const deps = { db, log: createLogger("silent"), now: Date.now, random: () => 0 };
    await abandonRuns(deps).runOnce();
    expect(await stored(runId)).toEqual({
      state: 4,
      status: Status.FAILED,
      finished_at: null,
      settled: true,
    });
  });
});
