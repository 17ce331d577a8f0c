/** A run that is finished while results of it are being stored: what is kept of its state counts them. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { Connection } from "../../../src/db/client.js";
import { startTestServer, type TestServer } from "../../support/server.js";

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

it("lists it by the status that they give it", async () => {
  const { ingest, stats } = server.client(server.allToken);
  const run = { runId: "overlapping" };
  const test = { name: "one" };
  await ingest.ingestRun({ run, results: [{ test, status: Status.PASSED, resultId: "a" }] });
  // Whoever stores the same key waits for the end of this one.
  await db.run(`
    BEGIN;
    INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
    SELECT project_key, run_key, test_key, 1, run_day, 1, 1, 'b' FROM results WHERE result_id = 'a'`);
  const storing = ingest.ingestRun({
    run,
    results: [{ test, status: Status.FAILED, resultId: "b" }],
  });
  const watcher = new Connection({ url: server.databaseUrl, prepare: false });
  const waiting =
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await expect.poll(async () => (await watcher.query(waiting)).length).toBe(1);
  await watcher[Symbol.asyncDispose]();
  await ingest.finishRun(run);
  const passed = await stats.listRuns({ status: Status.PASSED });
  expect(passed.runs.map(({ state }) => state)).toEqual([RunState.FINISHED]);
  await db.run("ROLLBACK");
  expect((await storing).acceptedCount).toBe(1n);
  expect((await stats.getRun(run)).run?.status).toBe(Status.FAILED);
  const failed = async () => (await stats.listRuns({ status: Status.FAILED })).runs.length;
  await expect.poll(failed).toBe(1);
  expect((await stats.listRuns({ status: Status.PASSED })).runs).toEqual([]);
});
