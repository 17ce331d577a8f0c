import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { dropClosedRefusals } from "../../src/jobs/drop-closed-refusals.js";
import { createLogger } from "../../src/log.js";
import { type EventLab, openEventLab } from "../events/lab.js";
import { countLockWaiters } from "../support/lock-waiters.js";

let lab: EventLab;
let projectKey = "";
beforeAll(async () => {
  lab = await openEventLab();
});
afterAll(() => lab[Symbol.asyncDispose]());
beforeEach(async () => {
  projectKey = await lab.newProject();
  await lab.ingest(projectKey, ["{"]);
  await lab.db.query(
    `UPDATE rejections SET state = 3, closed_at = now() - interval '40 days' WHERE project_key = $1`,
    [projectKey],
  );
});

const drop = () =>
  dropClosedRefusals({
    db: lab.db,
    log: createLogger("silent"),
    now: Date.now,
    random: Math.random,
  }).runOnce();
const kept = () =>
  lab.db.query("SELECT bytes IS NOT NULL AS kept FROM rejections WHERE project_key = $1", [
    projectKey,
  ]);

it("drops the bytes of what was closed long ago", async () => {
  await drop();
  expect(await kept()).toEqual([{ kept: false }]);
});

it("keeps the bytes of what is opened again at that moment", async () => {
  await using worker = new Connection({ url: lab.url, prepare: false });
  await worker.run("BEGIN");
  await worker.query("UPDATE rejections SET state = 1, closed_at = NULL WHERE project_key = $1", [
    projectKey,
  ]);
  const dropping = drop();
  // It waits for the row.
  await expect.poll(() => countLockWaiters(worker)).toBe(1);
  await worker.run("COMMIT");
  await dropping;
  expect(await kept()).toEqual([{ kept: true }]);
});
