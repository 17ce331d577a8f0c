import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { INBOX_CHANNEL, leaseEvents, processLeased } from "../../src/db/inbox.js";
import { createListener } from "../../src/db/listener.js";
import { Pool } from "../../src/db/pool.js";
import { REJECTION_REASONS } from "../../src/db/rejections.js";
import { type InboxOptions, MAX_ATTEMPTS, workInbox } from "../../src/events/inbox.js";
import { startInboxWorkers } from "../../src/jobs/work-inbox.js";
import { createLogger } from "../../src/log.js";
import { drawKey, type EventLab, openEventLab, view } from "./lab.js";

let lab: EventLab;
let pool: Pool;
let project: string;
beforeAll(async () => {
  lab = await openEventLab();
  pool = new Pool({ url: lab.url, prepare: true, size: 4 });
});
afterAll(async () => {
  await pool[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});
beforeEach(async () => {
  project = await lab.newProject();
});

/** Outcomes that workers tell. */
type Told = Partial<Record<"processed" | "retried" | "gave_up", number>>;

function options(told: Told = {}, change: Partial<InboxOptions> = {}): InboxOptions {
  return {
    db: pool,
    drawKey,
    random: () => 0.5,
    onOutcome: (outcome, count) => {
      told[outcome] = (told[outcome] ?? 0) + count;
    },
    actor: "a worker",
    leaseMs: 60_000,
    firstWaitMs: 60_000,
    ...change,
  };
}

const enqueue = (clients: readonly string[], failingAttempts = 0) =>
  lab.ingest(project, clients.map(view), { queued: true, failingAttempts });

/** Makes everything in the inbox due, as if the time had passed. */
const passTime = () =>
  lab.db.query("UPDATE inbox SET run_at = now() WHERE project_key = $1", [project]);

async function counts() {
  const [row] = await lab.db.query(
    `SELECT
      (SELECT count(*)::int FROM inbox WHERE project_key = $1) AS waiting,
      (SELECT count(*)::int FROM events WHERE project_key = $1 AND state = 2) AS processed,
      (SELECT COALESCE(sum(cardinality(days)), 0)::int FROM event_fold_queue WHERE project_key = $1)
        AS folding`,
    [project],
  );
  return row;
}

it("processes what is queued, once", async () => {
  await enqueue(["a", "b", "c"]);
  expect(await counts()).toEqual({ waiting: 3, processed: 0, folding: 0 });
  const told: Told = {};
  expect(await workInbox(options(told), project)).toBe(3);
  expect(await workInbox(options(told), project)).toBe(0);
  expect(told).toEqual({ processed: 3 });
  expect(await counts()).toEqual({ waiting: 0, processed: 3, folding: 3 });
});

it("leaves the events of a worker that died until its lease ends", async () => {
  await enqueue(["a", "b"]);
  const dead = drawKey();
  expect(await leaseEvents(pool, project, dead, { limit: 1, leaseMs: 60_000 })).toHaveLength(1);
  expect(await workInbox(options(), project)).toBe(1);
  expect(await counts()).toEqual({ waiting: 1, processed: 1, folding: 1 });
  await passTime();
  expect(await workInbox(options(), project)).toBe(1);
  expect(await counts()).toEqual({ waiting: 0, processed: 2, folding: 2 });
});

it("counts nothing twice for a worker that comes back after its lease", async () => {
  await enqueue(["a"]);
  const late = drawKey();
  const leased = await leaseEvents(pool, project, late, { limit: 10, leaseMs: 0 });
  expect(await workInbox(options(), project)).toBe(1);
  const ids = leased.map(({ eventId }) => eventId);
  expect(await processLeased(pool, project, late, ids, drawKey())).toBe(0);
  expect(await counts()).toEqual({ waiting: 0, processed: 1, folding: 1 });
});

it("shares the load between workers, each event with one of them", async () => {
  const clients = Array.from({ length: 6_000 }, (_, n) => `client ${n % 5}`);
  const shares: Told[] = [{}, {}, {}];
  // Each has its connection before there is work: the first to have one could do all of it.
  await Promise.all(shares.map((told) => workInbox(options(told), project)));
  await enqueue(clients);
  await Promise.all(
    shares.map(async (told) => {
      while ((await workInbox(options(told), project)) > 0);
    }),
  );
  expect(shares.reduce((sum, { processed = 0 }) => sum + processed, 0)).toBe(6_000);
  expect(shares.filter(({ processed = 0 }) => processed > 0).length).toBeGreaterThan(1);
  expect(await counts()).toEqual({ waiting: 0, processed: 6_000, folding: 6_000 });
});

it("gives a poisoned event up after its attempts, while others go on", async () => {
  await lab.db.run(
    "ALTER TABLE event_fold_queue ADD CONSTRAINT injected CHECK (client <> 'poison')",
  );
  const [, poison] = await enqueue(["a", "poison", "b"]);
  const told: Told = {};
  expect(await workInbox(options(told), project)).toBe(3);
  expect(told).toEqual({ processed: 2, retried: 1 });
  // Not before its wait is over.
  expect(await workInbox(options(told), project)).toBe(0);
  for (let attempt = 2; attempt <= MAX_ATTEMPTS; attempt++) {
    await passTime();
    expect(await workInbox(options(told), project)).toBe(1);
  }
  expect(told).toEqual({ processed: 2, retried: MAX_ATTEMPTS - 1, gave_up: 1 });
  expect(await counts()).toEqual({ waiting: 0, processed: 2, folding: 2 });
  const kept = () =>
    lab.db.query(
      `SELECT reason, state, client, result_id, convert_from(bytes, 'UTF8') AS bytes,
        violations->0->>'description' AS why
      FROM rejections WHERE project_key = $1`,
      [project],
    );
  expect(await kept()).toEqual([
    {
      reason: REJECTION_REASONS.processingFailed,
      state: 1,
      client: "poison",
      result_id: poison?.eventId,
      bytes: view("poison", 1),
      why: expect.stringContaining("given up after 8 attempts"),
    },
  ]);
  const log = await lab.db.query<{ step: number }>(
    "SELECT step FROM processing_log WHERE project_key = $1 ORDER BY created_at",
    [project],
  );
  expect(log.map(({ step }) => step)).toEqual([3, 3, 3, 3, 3, 3, 3, 5]);

  // Sent again it is judged anew, and resolves the rejection once it passes.
  await lab.db.run("ALTER TABLE event_fold_queue DROP CONSTRAINT injected");
  const again = await lab.ingest(project, [view("poison", 1)]);
  expect(again).toMatchObject([{ outcome: "processed", eventId: poison?.eventId }]);
  expect(await kept()).toMatchObject([{ state: 2 }]);
});

it("gives up in the open what was given up, closed and sent again", async () => {
  const giveUp = async () => {
    await enqueue(["given up"], 200);
    await lab.db.query("UPDATE inbox SET attempts = 20 WHERE project_key = $1", [project]);
    await workInbox(options({}), project);
  };
  const kept = () =>
    lab.db.query(
      `SELECT state, closed_at, closed_by, octet_length(bytes) + 1024 = kept_bytes::int AS counted
      FROM rejections JOIN rejection_usage USING (project_key) WHERE project_key = $1`,
      [project],
    );
  await giveUp();
  const [before] = await kept();
  // Sent again it is queued, which closes the rejection.
  await enqueue(["given up"], 200);
  expect(await kept()).toMatchObject([{ state: 2 }]);
  await giveUp();
  expect(await kept()).toEqual([before]);
  expect(before).toEqual({ state: 1, closed_at: null, closed_by: "", counted: true });
});

it("keeps an event queued whose rejection would find no room", async () => {
  project = await lab.newProject(10);
  await enqueue(["a"], 100);
  await lab.db.query("UPDATE inbox SET attempts = 20 WHERE project_key = $1", [project]);
  const told: Told = {};
  await workInbox(options(told), project);
  expect(told).toEqual({ retried: 1 });
  expect(await counts()).toMatchObject({ waiting: 1 });
});

it("makes the last attempt again while the rejection would find no room", async () => {
  project = await lab.newProject(10);
  await lab.db.run(
    "ALTER TABLE event_fold_queue ADD CONSTRAINT no_room CHECK (client NOT IN ('mended', 'unmended'))",
  );
  await enqueue(["mended", "unmended"]);
  const told: Told = {};
  for (let attempt = 1; attempt <= MAX_ATTEMPTS + 2; attempt++) {
    await workInbox(options(told), project);
    await passTime();
  }
  expect(told).toEqual({ retried: 2 * (MAX_ATTEMPTS + 2) });
  await lab.db.run(
    `ALTER TABLE event_fold_queue DROP CONSTRAINT no_room,
      ADD CONSTRAINT no_room CHECK (client <> 'unmended')`,
  );
  await lab.db.query("UPDATE projects SET kept_refusal_bytes = 0 WHERE project_key = $1", [
    project,
  ]);
  const later: Told = {};
  await workInbox(options(later), project);
  await lab.db.run("ALTER TABLE event_fold_queue DROP CONSTRAINT no_room");
  expect(later).toEqual({ processed: 1, gave_up: 1 });
  const kept = await lab.db.query(
    `SELECT client, violations->0->>'description' AS why FROM rejections WHERE project_key = $1`,
    [project],
  );
  expect(kept).toEqual([
    { client: "unmended", why: expect.stringMatching(/^given up after 8 attempts: .*no_room/) },
  ]);
});

it("gives up what its workers die of", async () => {
  await enqueue(["a"]);
  await lab.db.query("UPDATE inbox SET attempts = $2::int WHERE project_key = $1", [
    project,
    MAX_ATTEMPTS,
  ]);
  const told: Told = {};
  await workInbox(options(told), project);
  expect(told).toEqual({ gave_up: 1 });
});

it("fails as many attempts as a simulated fault asks for", async () => {
  await enqueue(["a"], 2);
  const told: Told = {};
  for (let attempt = 1; attempt <= 3; attempt++) {
    await workInbox(options(told), project);
    await passTime();
  }
  expect(told).toEqual({ retried: 2, processed: 1 });
});

it("wakes when something is queued, long before it would look", async () => {
  const told: Told = {};
  await using workers = startInboxWorkers({
    ...options(told),
    workers: 2,
    pollMs: 60_000,
    restMs: 1,
    log: createLogger("silent"),
    listener: (onNotify) => createListener(lab.url, INBOX_CHANNEL, onNotify),
  });
  expect(workers).toBeDefined();
  // It listens from the end of its statement on.
  const listens = () =>
    lab.db.query(
      `SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND query = $1 AND state = 'idle'`,
      [`LISTEN ${INBOX_CHANNEL}`],
    );
  await expect.poll(listens).toHaveLength(1);
  await enqueue(["a", "b"]);
  await expect.poll(counts).toMatchObject({ waiting: 0, processed: 2 });
});

it("looks by itself where nothing wakes it", async () => {
  await using workers = startInboxWorkers({
    ...options(),
    workers: 1,
    pollMs: 50,
    restMs: 1,
    log: createLogger("silent"),
    listener: () => ({ listen: async () => {}, [Symbol.asyncDispose]: async () => {} }),
  });
  expect(workers).toBeDefined();
  await enqueue(["a"]);
  await expect.poll(counts).toMatchObject({ waiting: 0, processed: 1 });
});

it("takes no further project once it is stopped", async () => {
  const waiting = [project, await lab.newProject()];
  for (const each of waiting) {
    project = each;
    await enqueue(["a"]);
  }
  const begun = createGate();
  const gate = createGate();
  const db: InboxOptions["db"] = {
    async query(text, params, queryOptions) {
      if (params !== undefined) {
        begun.open();
        await gate.opened;
      }
      return pool.query(text, params, queryOptions);
    },
  };
  const workers = startInboxWorkers({
    ...options({}, { db }),
    workers: 1,
    pollMs: 50,
    restMs: 1,
    log: createLogger("silent"),
    listener: () => ({ listen: async () => {}, [Symbol.asyncDispose]: async () => {} }),
  });
  await begun.opened;
  const ended = workers[Symbol.asyncDispose]();
  gate.open();
  await ended;
  const left = await lab.db.query("SELECT FROM inbox WHERE project_key = ANY ($1::bigint[])", [
    `{${waiting.join(",")}}`,
  ]);
  expect(left).toHaveLength(1);
});

function createGate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
