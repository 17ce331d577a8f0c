import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import type { DbError } from "../../src/db/errors.js";
import type { Queryable } from "../../src/db/queryable.js";
import type { ResultRow } from "../../src/db/results.js";
import { createResultWriter, type ResultWriter } from "../../src/ingest/result-writer.js";
import { RunGone, type WriteJob } from "../../src/ingest/write-job.js";

import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: false });
  await insertProjects(db, 2);
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const PART = Buffer.alloc(16);
let runKey: string;
let runDay: string;
/** A new run with one part, for each test. */
beforeEach(async () => {
  [runKey, runDay] = await newRun("1");
});

async function newRun(projectKey: string): Promise<[string, string]> {
  const [row] = await db.query<{ run_key: string; run_day: string }>(
    `WITH run AS (
      INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given)
      VALUES ($1, $2, current_date, 1, now(), false) RETURNING run_key, run_day
    ), part AS (
      INSERT INTO run_parts (
        project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
      )
      SELECT $1, run_key, $3, '', 1, 0, 0, '', false FROM run
    )
    SELECT run_key, run_day::text FROM run`,
    [projectKey, randomBytes(8).toString("hex"), PART],
  );
  return [row?.run_key ?? "", row?.run_day ?? ""];
}

const row = (resultId: string, change: Partial<ResultRow> = {}): ResultRow => ({
  testKey: "7",
  resultId,
  status: 1,
  attempt: 1,
  startUs: 1_790_000_000_000_001,
  durationUs: 5,
  failureMessage: null,
  details: null,
  ...change,
});
const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => row(`r${from + i}`));
const job = (list: readonly ResultRow[], change: Partial<WriteJob> = {}): WriteJob => ({
  projectKey: "1",
  runKey,
  runDay,
  partId: PART,
  tokenId: "t",
  rows: list,
  deadlineAt: Date.now() + 30_000,
  ...change,
});

interface Lab extends AsyncDisposable {
  readonly writer: ResultWriter;
  /** Texts of the statements that were sent, by their first keyword and table. */
  readonly sent: string[];
  /** For each statement its project. */
  readonly projects: unknown[];
  /** For each statement when it began and ended. */
  readonly times: { readonly from: number; to: number }[];
  readonly retries: DbError[];
}

/** A writer over lanes that count their statements, which take so much longer. */
function startWriter(lanes = 2, url = database.url, delayMs = 0): Lab {
  const sent: string[] = [];
  const projects: unknown[] = [];
  const times: { from: number; to: number }[] = [];
  const retries: DbError[] = [];
  const connections = Array.from({ length: lanes }, () => new Connection({ url, prepare: true }));
  const counted = connections.map(
    (connection): Queryable => ({
      async query(text, params, options) {
        sent.push(
          text.includes("inserted AS") ? "insert" : text.includes("probed AS") ? "probe" : text,
        );
        projects.push(params?.[0]);
        const time = { from: performance.now(), to: 0 };
        times.push(time);
        if (delayMs > 0) await sleep(delayMs);
        try {
          return await connection.query(text, params, options);
        } finally {
          time.to = performance.now();
        }
      },
    }),
  );
  const writer = createResultWriter({
    lanes: counted,
    drawKey: () => (randomBytes(8).readBigUInt64BE() >> 1n).toString(),
    random: () => 0,
    now: Date.now,
    hooks: { queued() {}, lanes() {}, committed() {}, retried: (error) => retries.push(error) },
  });
  return {
    writer,
    sent,
    projects,
    times,
    retries,
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]();
      for (const connection of connections) await connection[Symbol.asyncDispose]();
    },
  };
}

/** What the database holds of the run, and what its ledger and fold queue say. */
async function recount(key = runKey) {
  const [found] = await db.query<Record<string, number>>(
    `SELECT
      (SELECT count(*)::int FROM results WHERE run_key = $1) AS stored,
      (SELECT COALESCE(sum(accepted_count), 0)::int FROM batches WHERE run_key = $1) AS accepted,
      (SELECT COALESCE(sum(duplicate_count), 0)::int FROM batches WHERE run_key = $1) AS duplicates,
      (SELECT COALESCE(sum(foreign_count), 0)::int FROM batches WHERE run_key = $1) AS "foreign",
      (SELECT COALESCE(sum(cardinality(test_keys)), 0)::int FROM fold_queue WHERE run_key = $1) AS folded`,
    [key],
  );
  return found;
}

describe("the writer", () => {
  it("tells each of many callers what became of its own rows, in few statements", async () => {
    await using lab = startWriter();
    await lab.writer.write(job(rows(10)));
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, i) => lab.writer.write(job([row(`r${i}`), row(`own ${i}`)]))),
    );
    outcomes.forEach((outcome, i) => {
      expect(outcome).toMatchObject({
        acceptedCount: i < 10 ? 1 : 2,
        duplicates: i < 10 ? [0] : [],
        conflicts: [],
      });
    });
    expect(lab.sent.filter((text) => text === "insert").length).toBeLessThan(20);
    expect(await recount()).toMatchObject({
      stored: 200,
      accepted: 200,
      duplicates: 10,
      folded: 200,
    });
  });

  it.each<[string, Partial<ResultRow>]>([
    ["status", { status: 2 }],
    ["attempt", { attempt: 2 }],
    ["start", { startUs: 1_790_000_000_000_002 }],
    ["no start", { startUs: null }],
    ["duration", { durationUs: 6 }],
    ["message", { failureMessage: "x" }],
    ["details", { details: Buffer.from("x") }],
  ])("finds a repeat with another %s in conflict, and keeps the first", async (_, change) => {
    await using lab = startWriter();
    await lab.writer.write(job([row("a")]));
    const again = await lab.writer.write(job([row("a"), row("a", change), row("b")]));
    expect(again).toMatchObject({ acceptedCount: 1, duplicates: [0], conflicts: [1] });
  });

  it("stores the first of equal keys in one batch", async () => {
    await using lab = startWriter();
    const outcome = await lab.writer.write(job([row("a"), row("a"), row("a", { status: 2 })]));
    expect(outcome).toMatchObject({ acceptedCount: 1, duplicates: [1], conflicts: [2] });
  });

  it("accepts what it committed when the answer to its COMMIT was lost", async () => {
    const { hostname, port } = new URL(database.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    await using lab = startWriter(1, proxy.through(database.url));
    await lab.writer.write(job([row("warm")]));
    proxy.cutAfter("toClient", 0, "rst");
    const outcome = await lab.writer.write(job([...rows(300), row("r0")]));
    expect(lab.retries.length).toBeGreaterThan(0);
    expect(outcome).toMatchObject({ acceptedCount: 300, duplicates: [300], conflicts: [] });
    expect(await recount()).toMatchObject({
      stored: 301,
      accepted: 301,
      duplicates: 1,
      folded: 301,
    });
  });

  it("isolates a row that the database cannot store, in 2·log2 n further statements", async () => {
    await using lab = startWriter(1);
    const list = rows(1000);
    list[777] = row("a\0b");
    const outcome = await lab.writer.write(job(list));
    expect(outcome).toMatchObject({ acceptedCount: 999, duplicates: [], conflicts: [] });
    expect(outcome.unstorable).toMatchObject([
      { index: 777, reason: expect.stringContaining("UTF8") },
    ]);
    expect(lab.sent.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(1000)));
    expect(await recount()).toMatchObject({ stored: 999, accepted: 999, folded: 999 });
  });

  it("gives other projects their turns while it isolates many rows", async () => {
    await using lab = startWriter(1);
    const poisoned = Array.from({ length: 64 }, (_, i) => row(`r${i}\0`));
    const outcomes = [
      lab.writer.write(job(poisoned)),
      lab.writer.write(job(rows(1), { projectKey: "2", runKey: "2" })),
    ];
    await expect(outcomes[1]).rejects.toThrow(RunGone);
    expect(lab.projects.indexOf("2")).toBe(1);
    expect((await outcomes[0])?.unstorable).toHaveLength(64);
  });

  it("leaves a lane to others while several projects write", async () => {
    await using lab = startWriter(2);
    await using locker = new Connection({ url: database.url, prepare: false });
    await lab.writer.write(job(rows(1), { projectKey: "2", runKey: "2" })).catch(() => {});
    await locker.run("BEGIN; LOCK TABLE results IN SHARE MODE");
    const loud = Array.from({ length: 3 }, (_, i) => lab.writer.write(job(rows(2_000, i * 2_000))));
    await expect.poll(() => lab.projects.length).toBe(2);
    // A thousand rows of the loud one wait for the lock, and the other lane is free.
    const quiet = lab.writer.write(job(rows(1), { projectKey: "2", runKey: "2" }));
    const refused = expect(quiet).rejects.toThrow(RunGone);
    await expect.poll(() => lab.projects.slice(1)).toEqual(["1", "2"]);
    await locker.run("COMMIT");
    await refused;
    const stored = await Promise.all(loud);
    expect(stored.map(({ acceptedCount }) => acceptedCount)).toEqual([2_000, 2_000, 2_000]);
  });

  it("lets a project rest after a large statement, as long as another's small one took", async () => {
    const [otherRun, otherDay] = await newRun("2");
    const small = (id: string) =>
      job([row(id)], { projectKey: "2", runKey: otherRun, runDay: otherDay });
    await using lab = startWriter(2, database.url, 50);
    await lab.writer.write(small("first"));
    await Promise.all([
      lab.writer.write(job(rows(2_000))),
      // It takes the other lane, and finds one in the rest as well.
      lab.writer.write(small("second")).then(() => lab.writer.write(small("third"))),
    ]);
    const [first, second] = lab.times.filter((_, i) => lab.projects[i] === "1");
    expect(lab.projects).toEqual(["2", "1", "2", "2", "1"]);
    expect((second?.from ?? 0) - (first?.to ?? 0)).toBeGreaterThanOrEqual(40);
  });

  it("isolates rows that break a constraint, also when several callers share the statement", async () => {
    await db.run(
      "ALTER TABLE results ADD CONSTRAINT no_poison CHECK (result_id <> 'poison') NOT VALID",
    );
    try {
      await using lab = startWriter(1);
      const outcomes = await Promise.all([
        lab.writer.write(job([row("first")])),
        lab.writer.write(job([row("a"), row("poison"), row("b")])),
        lab.writer.write(job(rows(50))),
        lab.writer.write(job([row("poison")])),
      ]);
      expect(outcomes.map(({ acceptedCount }) => acceptedCount)).toEqual([1, 2, 50, 0]);
      expect(outcomes.map(({ unstorable }) => unstorable.map(({ index }) => index))).toEqual([
        [],
        [1],
        [],
        [0],
      ]);
    } finally {
      await db.run("ALTER TABLE results DROP CONSTRAINT no_poison");
    }
  });

  it.each([1, 2])(
    "gives a quiet project its turn after one more statement of a flooding one, with %i lanes",
    async (lanes) => {
      const [otherRun, otherDay] = await newRun("2");
      const quietJob = (id: string) =>
        job([row(id)], { projectKey: "2", runKey: otherRun, runDay: otherDay });
      await using lab = startWriter(lanes);
      // Many small callers and few large ones.
      const flood = Array.from({ length: 8 }, (_, i) =>
        lab.writer.write(job(rows(2500, i * 2500))),
      );
      const drops = Array.from({ length: 600 }, (_, i) => lab.writer.write(job([row(`d${i}`)])));
      for (let time = 0; time < 3; time++) {
        const before = lab.projects.length;
        const settled = lab.writer.write(quietJob(`quiet ${time}`)).then(() => lab.projects);
        const after = (await settled).slice(before);
        // Those under way when it came are not among them.
        expect(after.indexOf("2")).toBeLessThanOrEqual(1);
        expect(after).toContain("2");
      }
      await Promise.all([...flood, ...drops]);
    },
  );

  it.each<[string, readonly number[], number]>([
    ["50 callers", new Array(50).fill(1), 1],
    ["258 callers", new Array(258).fill(1), 2],
    ["5,002 rows", [1, 4999, 2], 2],
    ["12,000 rows of one caller", [12_000], 3],
  ])(
    "puts %s that come together into as few statements as hold them",
    async (_, sizes, statements) => {
      await using lab = startWriter(1);
      const outcomes = await Promise.all(
        sizes.map((size, i) => lab.writer.write(job(rows(size, i * 10_000)))),
      );
      expect(outcomes.map(({ acceptedCount }) => acceptedCount)).toEqual(sizes);
      expect(lab.sent).toEqual(new Array(statements).fill("insert"));
    },
  );

  it("stores nothing of a deleted run, and all of its neighbours", async () => {
    const [gone, day] = await newRun("1");
    await db.query("UPDATE runs SET deleted_at = now() WHERE run_key = $1", [gone]);
    await using lab = startWriter(1);
    const first = lab.writer.write(job(rows(5)));
    const dead = lab.writer.write(job(rows(5), { runKey: gone, runDay: day }));
    const last = lab.writer.write(job(rows(5, 5)));
    await expect(dead).rejects.toThrow(RunGone);
    expect([(await first).acceptedCount, (await last).acceptedCount]).toEqual([5, 5]);
    expect(await recount(gone)).toMatchObject({ stored: 0, accepted: 0 });
  });

  it("makes the partition of a month that has none", async () => {
    await db.query("UPDATE runs SET run_day = '2031-05-17' WHERE run_key = $1", [runKey]);
    await using lab = startWriter(1);
    const outcome = await lab.writer.write(job(rows(3), { runDay: "2031-05-17" }));
    expect(outcome.acceptedCount).toBe(3);
    expect(await recount()).toMatchObject({ stored: 3 });
  });

  it("marks what comes after the part has finished as late, and its run as unsettled", async () => {
    await using lab = startWriter(1);
    expect((await lab.writer.write(job(rows(2)))).unsettled).toBe(false);
    await db.query("UPDATE run_parts SET finished_at = now() WHERE run_key = $1", [runKey]);
    expect((await lab.writer.write(job(rows(3)))).unsettled).toBe(true);
    expect((await lab.writer.write(job(rows(3)))).unsettled).toBe(false);
    const [late] = await db.query<{ n: number }>(
      "SELECT sum(accepted_count)::int AS n FROM batches WHERE run_key = $1 AND late",
      [runKey],
    );
    expect(late?.n).toBe(1);
  });

  it("gives up a caller whose deadline passed, and waits for the queue when it is disposed", async () => {
    const lab = startWriter(1);
    const slow = lab.writer.write(job(rows(5000)));
    const late = lab.writer.write(job([row("late")], { deadlineAt: Date.now() - 1 }));
    const last = lab.writer.write(job([row("last")]));
    await expect(late).rejects.toMatchObject({ kind: "timeout" });
    await lab[Symbol.asyncDispose]();
    expect([(await slow).acceptedCount, (await last).acceptedCount]).toEqual([5000, 1]);
  });

  it("counts every result once, whatever is sent again and however it is cut into batches", async () => {
    await using one = startWriter();
    await using two = startWriter();
    const batchOf = fc.array(
      fc.record({ id: fc.integer({ min: 0, max: 30 }), status: fc.integer({ min: 1, max: 5 }) }),
      { minLength: 1, maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(batchOf, { minLength: 1, maxLength: 12 }), async (batches) => {
        const [key, day] = await newRun("1");
        const outcomes = await Promise.all(
          batches.map((batch, i) => {
            const list = batch.map(({ id, status }) => row(`r${id}`, { status }));
            // Two servers, and two parts on each.
            const partId = Buffer.alloc(16, i % 4 < 2 ? 0 : 1);
            return (i % 2 === 0 ? one : two).writer.write(
              job(list, { runKey: key, runDay: day, partId }),
            );
          }),
        );
        const sum = (count: (outcome: (typeof outcomes)[number]) => number) =>
          outcomes.reduce((total, outcome) => total + count(outcome), 0);
        const distinct = new Set(batches.flat().map(({ id }) => id)).size;
        const accepted = sum((outcome) => outcome.acceptedCount);
        expect(accepted).toBe(distinct);
        const others = sum(({ duplicates, conflicts }) => duplicates.length + conflicts.length);
        expect(accepted + others).toBe(batches.flat().length);
        expect(await recount(key)).toEqual({
          stored: distinct,
          accepted: distinct,
          duplicates: sum(({ duplicates }) => duplicates.length),
          foreign: sum(({ foreignCount }) => foreignCount),
          folded: distinct,
        });
      }),
      { numRuns: 25 },
    );
  });
});
