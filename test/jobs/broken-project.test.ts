import { afterAll, beforeAll, expect, it } from "vitest";
import { foldEvents } from "../../src/jobs/fold-events.js";
import { startInboxWorkers } from "../../src/jobs/work-inbox.js";
import { createLogger } from "../../src/log.js";
import { drawKey, type EventLab, openEventLab, view } from "../events/lab.js";

let lab: EventLab;
/** What the database cannot do for, and another one; their events come in this order. */
let broken = "";
let sound = "";
beforeAll(async () => {
  lab = await openEventLab();
  broken = await lab.newProject();
  sound = await lab.newProject();
  // As a damaged page answers.
  await lab.db.run(`
    CREATE FUNCTION damaged() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'invalid page' USING ERRCODE = 'XX001'; END $$;
    CREATE TRIGGER damaged BEFORE INSERT ON event_days
    FOR EACH ROW WHEN (NEW.project_key = ${broken}) EXECUTE FUNCTION damaged();
    CREATE TRIGGER damaged BEFORE UPDATE ON events
    FOR EACH ROW WHEN (NEW.project_key = ${broken}) EXECUTE FUNCTION damaged();
  `);
});
afterAll(() => lab[Symbol.asyncDispose]());

const rowsOf = async (table: string, projectKey: string) =>
  (await lab.db.query(`SELECT 1 FROM ${table} WHERE project_key = $1`, [projectKey])).length;

it("keeps no other from being folded", async () => {
  for (const projectKey of [broken, sound]) await lab.ingest(projectKey, [view("a", 1)]);
  const log = createLogger("silent");
  await foldEvents({ db: lab.db, log, now: Date.now, random: Math.random }).runOnce();
  expect(await rowsOf("event_fold_queue", sound)).toBe(0);
  expect(await rowsOf("event_fold_queue", broken)).toBe(1);
});

it("keeps no other's queued events waiting", async () => {
  for (const projectKey of [broken, sound]) {
    await lab.ingest(projectKey, [view("a", 2)], { queued: true });
  }
  // One round: the next one comes in a minute.
  await using _ = startInboxWorkers({
    db: lab.db,
    drawKey,
    random: () => 0.5,
    onOutcome() {},
    actor: "test",
    leaseMs: 60_000,
    firstWaitMs: 60_000,
    workers: 1,
    listener: () => ({ listen: async () => {}, async [Symbol.asyncDispose]() {} }),
    log: createLogger("silent"),
    pollMs: 60_000,
    restMs: 10,
  });
  await expect.poll(() => rowsOf("inbox", sound)).toBe(0);
});
