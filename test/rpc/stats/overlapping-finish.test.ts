/** A run that is finished while results of it are being stored: what is kept of its state counts them. */
import { expect, it } from "vitest";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { uploadResults } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { countLockWaiters } from "../../support/lock-waiters.js";
import { startTestServer } from "../../support/server.js";

const run = { runId: "overlapping" };
const passed = { test: { name: "one" }, status: Status.PASSED, resultId: "a" };
const failed = { test: { name: "one" }, status: Status.FAILED, resultId: "b" };

/** Has `store` store the failed result: the run is finished by `finish` after its statement began, and before it ended. */
async function finishMeanwhile(
  databaseUrl: string,
  store: () => Promise<{ acceptedCount: bigint | number }>,
  finish: () => Promise<unknown>,
): Promise<void> {
  await using holder = new Connection({ url: databaseUrl, prepare: false });
  await using watcher = new Connection({ url: databaseUrl, prepare: false });
  // Whoever stores the same key waits for the end of this one.
  await holder.run(`
    BEGIN;
    INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
    SELECT project_key, run_key, test_key, 1, run_day, 1, 1, 'b' FROM results WHERE result_id = 'a'`);
  const storing = store();
  await expect.poll(() => countLockWaiters(watcher)).toBe(1);
  await finish();
  await holder.run("ROLLBACK");
  expect(Number((await storing).acceptedCount)).toBe(1);
}

it("is listed by the status that they give it", async () => {
  await using server = await startTestServer();
  const { ingest, stats } = server.client(server.allToken);
  const listed = async (status: Status) =>
    (await stats.listRuns({ status })).runs.map(({ state }) => state);
  await ingest.ingestRun({ run, results: [passed] });
  await finishMeanwhile(
    server.databaseUrl,
    () => ingest.ingestRun({ run, results: [failed] }),
    async () => {
      await ingest.finishRun(run);
      expect(await listed(Status.PASSED)).toEqual([RunState.FINISHED]);
    },
  );
  expect((await stats.getRun(run)).run?.status).toBe(Status.FAILED);
  await expect.poll(() => listed(Status.FAILED)).toEqual([RunState.FINISHED]);
  expect(await listed(Status.PASSED)).toEqual([]);
});

it("is listed so at once where its part is finished again by who sent them", async () => {
  await using server = await startTestServer();
  const client = server.client(server.allToken);
  const upload = (results: readonly (typeof passed)[]) => uploadResults(client, { run }, results);
  await client.ingest.ingestRun({ run, results: [passed] });
  await finishMeanwhile(
    server.databaseUrl,
    () => upload([failed]),
    () => upload([]),
  );
  const { runs } = await client.stats.listRuns({ status: Status.FAILED });
  expect(runs.map(({ state }) => state)).toEqual([RunState.FINISHED]);
});
