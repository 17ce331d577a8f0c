import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { purgeDeleted } from "../../src/jobs/purge-deleted.js";
import { createLogger } from "../../src/log.js";
import { type EventLab, openEventLab, view } from "../events/lab.js";
import { countLockWaiters } from "../support/lock-waiters.js";

let lab: EventLab;
beforeAll(async () => {
  lab = await openEventLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

const purge = () =>
  purgeDeleted({
    db: lab.db,
    log: createLogger("silent"),
    now: Date.now,
    random: Math.random,
  }).runOnce();
const eventsOf = async (projectKey: string) =>
  (await lab.db.query("SELECT 1 FROM events WHERE project_key = $1", [projectKey])).length;
const purgeTimes = (projectKey: string) =>
  lab.db.query("SELECT purged_at::text FROM projects WHERE project_key = $1", [projectKey]);

it("removes what was being stored while a project was deleted and purged", async () => {
  const projectKey = await lab.newProject();
  const twin = await lab.newProject();
  await lab.ingest(twin, [view("a", 1)]);
  // Who stores the same event at the same time keeps the statement from ending.
  await using holder = new Connection({ url: lab.url, prepare: false });
  await holder.run("BEGIN");
  await holder.query(
    `INSERT INTO events (
      project_key, event_id, state, occurred_at, amount, batch_key, normalizer_version, client, metric, raw
    )
    SELECT $1::bigint, event_id, state, occurred_at, amount, batch_key, normalizer_version, client, metric, raw
    FROM events
    WHERE project_key = $2`,
    [projectKey, twin],
  );
  const storing = lab.ingest(projectKey, [view("a", 1), "{"]);
  await expect.poll(() => countLockWaiters(lab.db)).toBe(1);
  await lab.db.query("UPDATE projects SET deleted_at = clock_timestamp() WHERE project_key = $1", [
    projectKey,
  ]);
  await purge();
  await holder.run("ROLLBACK");
  await storing;
  expect(await eventsOf(projectKey)).toBe(1);

  await lab.db.query(
    `UPDATE projects SET deleted_at = deleted_at - interval '5 minutes', purged_at = purged_at - interval '5 minutes'
    WHERE project_key = $1`,
    [projectKey],
  );
  await purge();
  expect(await eventsOf(projectKey)).toBe(0);
  const times = await purgeTimes(projectKey);
  await purge();
  expect(await purgeTimes(projectKey)).toEqual(times);
  expect(await eventsOf(twin)).toBe(1);
});
