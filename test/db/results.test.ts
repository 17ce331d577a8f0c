import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { type ProbeBatch, probeResults } from "../../src/db/result-probe.js";
import {
  insertResults,
  type ResultBatch,
  type ResultGroup,
  type ResultRow,
} from "../../src/db/results.js";
import { ensureResultsPartition } from "../../src/db/results-partitions.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";

let database: TestDatabase;
/** As a lane is. */
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await insertProjects(db);
  await ensureResultsPartition(db, DAY);
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const DAY = "2026-03-04";
const PARTS = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)] as const;
let run: string;
beforeEach(async () => {
  run = await newRun();
});

/** A run of project 1 with two parts. */
async function newRun(): Promise<string> {
  const [stored] = await db.query<{ run_key: string }>(
    `WITH run AS (
      INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given)
      VALUES (1, $1, $2::text::date, 1, now(), false) RETURNING run_key
    ), parts AS (
      INSERT INTO run_parts (
        project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
      )
      SELECT 1, run_key, part_id, '', 1, 0, 0, '', false FROM run, unnest(ARRAY[$3, $4]::bytea[]) part_id
    )
    SELECT run_key FROM run`,
    [randomBytes(8).toString("hex"), DAY, ...PARTS],
  );
  return stored?.run_key ?? "";
}

const drawKey = () => (randomBytes(8).readBigUInt64BE() >> 1n).toString();
const row = (resultId: string, change: Partial<ResultRow> = {}): ResultRow => ({
  testKey: "7",
  resultId,
  status: 1,
  attempt: 1,
  startUs: 1_772_600_000_123_457,
  durationUs: 5,
  failureMessage: null,
  details: null,
  ...change,
});
const group = (change: Partial<ResultGroup> = {}): ResultGroup => ({
  runKey: run,
  runDay: DAY,
  partId: PARTS[0],
  batchKey: drawKey(),
  tokenId: "token",
  ...change,
});
/** Groups with their rows, one after the other. */
const batch = (...pairs: readonly [ResultGroup, readonly ResultRow[]][]): ResultBatch => ({
  projectKey: "1",
  groups: pairs.map(([each]) => each),
  rows: pairs.flatMap(([, rows]) => rows),
  groupOf: pairs.flatMap(([, rows], g) => rows.map(() => g)),
});
const probe = (sent: ResultBatch, change: Partial<ProbeBatch> = {}): ProbeBatch => ({
  ...sent,
  duplicateKeys: sent.groups.map(drawKey),
  isFirst: sent.rows.map(() => true),
  countFrom: 0,
  ...change,
});
const insert = (sent: ResultBatch) => insertResults(db, sent, Infinity);
const ask = async (sent: ProbeBatch) => (await probeResults(db, sent, Infinity)).rows;

/** What batches hold, three times: by the ledger, by the rows themselves, and by the fold queue. */
async function recount() {
  const sums = `
    count(*)::int AS accepted,
    count(*) FILTER (WHERE status = 1)::int AS passed, count(*) FILTER (WHERE status = 2)::int AS failed,
    count(*) FILTER (WHERE status = 3)::int AS errored, count(*) FILTER (WHERE status = 4)::int AS skipped,
    count(*) FILTER (WHERE status = 5)::int AS precluded, COALESCE(sum(duration_us), 0)::int AS duration`;
  const [ledger, stored, folded] = [
    await db.query(
      `SELECT
        batch_key, accepted_count AS accepted, passed_count AS passed, failed_count AS failed,
        errored_count AS errored, skipped_count AS skipped, precluded_count AS precluded,
        duration_us::int AS duration
      FROM batches WHERE run_key = $1 AND accepted_count > 0 ORDER BY batch_key`,
      [run],
    ),
    await db.query(
      `SELECT batch_key, ${sums} FROM results WHERE run_key = $1 GROUP BY batch_key ORDER BY batch_key`,
      [run],
    ),
    await db.query(
      `SELECT batch_key, ${sums}
      FROM fold_queue, unnest(test_keys, statuses, durations) AS r(test_key, status, duration_us)
      WHERE run_key = $1 GROUP BY batch_key ORDER BY batch_key`,
      [run],
    ),
  ];
  return { ledger, stored, folded };
}

/** Every row of the four tables that belongs to the run, as text. */
async function contents(): Promise<string> {
  const [found] = await db.query<{ all: string }>(
    `SELECT concat_ws(
      '|',
      (SELECT string_agg(r::text, ';' ORDER BY r::text) FROM results r WHERE run_key = $1),
      (SELECT string_agg(b::text, ';' ORDER BY b::text) FROM batches b WHERE run_key = $1),
      (SELECT string_agg(f::text, ';' ORDER BY f::text) FROM fold_queue f WHERE run_key = $1),
      (SELECT string_agg(r::text, ';' ORDER BY r::text) FROM runs r WHERE run_key = $1)
    ) AS all`,
    [run],
  );
  return found?.all ?? "";
}

describe("insertResults", () => {
  it("stores every column as given, and what is absent as NULL", async () => {
    const whole = row('a "quoted" \\ id, {with} NULL', {
      testKey: "9007199254740993",
      status: 2,
      attempt: 32767,
      durationUs: 315_360_000_000_000,
      failureMessage: "",
      details: Buffer.from([0, 255, 92]),
    });
    const bare = row("NULL", { startUs: null, durationUs: null });
    const outcome = await insert(batch([group(), [whole, bare]]));
    expect(outcome).toEqual({ deadGroups: [], leftOut: [], unsettledGroups: [] });
    const stored = await db.query(
      `SELECT
        project_key, test_key, result_id, status, attempt, duration_us, run_day::text, failure_message,
        details, (EXTRACT(epoch FROM start_time) * 1000000)::bigint AS start_us
      FROM results WHERE run_key = $1 ORDER BY result_id`,
      [run],
    );
    const given = { project_key: "1", run_day: DAY };
    expect(stored).toEqual(
      expect.arrayContaining([
        {
          ...given,
          test_key: "9007199254740993",
          result_id: 'a "quoted" \\ id, {with} NULL',
          status: 2,
          attempt: 32767,
          duration_us: "315360000000000",
          failure_message: "",
          details: Buffer.from([0, 255, 92]),
          start_us: "1772600000123457",
        },
        {
          ...given,
          test_key: "7",
          result_id: "NULL",
          status: 1,
          attempt: 1,
          duration_us: null,
          failure_message: null,
          details: null,
          start_us: null,
        },
      ]),
    );
    expect(stored).toHaveLength(2);
  });

  it("keeps ledger, rows and fold queue equal, over statuses, repeats and two groups", async () => {
    const rows = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) =>
        row(`r${from + i}`, {
          status: 1 + ((from + i) % 5),
          testKey: String(1 + (i % 3)),
          durationUs: i % 4 === 0 ? null : from + i,
        }),
      );
    await insert(batch([group(), rows(0, 23)]));
    await insert(batch([group(), rows(15, 15)], [group({ partId: PARTS[1] }), rows(27, 15)]));
    const { ledger, stored, folded } = await recount();
    expect(ledger).toHaveLength(3);
    expect(ledger).toEqual(stored);
    expect(folded).toEqual(stored);
  });

  it("takes the first of equal keys, in a group and across two groups of one run", async () => {
    const [first, second] = [group(), group({ partId: PARTS[1], tokenId: "other" })];
    const outcome = await insert(
      batch(
        [first, [row("a"), row("a", { status: 2 }), row("b"), row("a")]],
        [second, [row("c"), row("b")]],
      ),
    );
    expect(outcome.leftOut.toSorted((a, b) => a - b)).toEqual([1, 3, 5]);
    const ledger = await db.query(
      "SELECT batch_key, part_id, token_id, accepted_count FROM batches WHERE run_key = $1 ORDER BY token_id",
      [run],
    );
    expect(ledger).toEqual([
      { batch_key: second.batchKey, part_id: PARTS[1], token_id: "other", accepted_count: 1 },
      { batch_key: first.batchKey, part_id: PARTS[0], token_id: "token", accepted_count: 2 },
    ]);
  });

  it("tells equal ids of different tests and of different runs apart", async () => {
    const other = await newRun();
    const outcome = await insert(
      batch(
        [group(), [row("a"), row("a", { testKey: "8" })]],
        [group({ runKey: other }), [row("a")]],
      ),
    );
    expect(outcome.leftOut).toEqual([]);
  });

  it.each([
    ["deleted", "UPDATE runs SET deleted_at = now() WHERE run_key = $1"],
    ["expired", "UPDATE runs SET expired_at = now() WHERE run_key = $1"],
    ["of another project", "UPDATE runs SET project_key = 2 WHERE run_key = $1"],
    ["removed", "DELETE FROM runs WHERE run_key = $1"],
  ])("gives a run that is %s nothing, and its neighbours all", async (_, kill) => {
    const dead = await newRun();
    await db.query(kill, [dead]);
    const outcome = await insert(
      batch(
        [group(), [row("a")]],
        [group({ runKey: dead }), [row("a"), row("b")]],
        [group({ partId: PARTS[1] }), [row("a"), row("b")]],
      ),
    );
    expect(outcome).toEqual({ deadGroups: [1], leftOut: [3], unsettledGroups: [] });
    const kept = await db.query(
      `SELECT batch_key FROM results WHERE run_key = $1
      UNION ALL SELECT batch_key FROM batches WHERE run_key = $1
      UNION ALL SELECT batch_key FROM fold_queue WHERE run_key = $1`,
      [dead],
    );
    expect(kept).toEqual([]);
    // Also where it stands alone, and the list of what did not go in is spared.
    expect(await insert(batch([group({ runKey: dead }), [row("a")]]))).toEqual({
      deadGroups: [0],
      leftOut: [],
      unsettledGroups: [],
    });
  });

  it("marks only the batch of a finished part as late, and the run as unsettled", async () => {
    await db.query("UPDATE run_parts SET finished_at = now() WHERE run_key = $1 AND part_id = $2", [
      run,
      PARTS[1],
    ]);
    const [intime, late] = [group(), group({ partId: PARTS[1] })];
    const outcome = await insert(batch([intime, [row("a")]], [late, [row("b")]]));
    expect(outcome.unsettledGroups).toEqual([1]);
    const ledger = await db.query<{ batch_key: string }>(
      "SELECT batch_key FROM batches WHERE run_key = $1 AND late",
      [run],
    );
    expect(ledger).toEqual([{ batch_key: late.batchKey }]);
    expect(await state()).toEqual({ state_version: "1", unsettled: true, abandoned: false });
    // Repeats change nothing.
    await insert(batch([group({ partId: PARTS[1] }), [row("b")]]));
    expect(await state()).toMatchObject({ state_version: "1" });
  });

  it("lifts the abandonment of a run, and unsettles it, when something new comes", async () => {
    await insert(batch([group(), [row("a")]]));
    await db.query("UPDATE runs SET abandoned_at = now(), state = 4 WHERE run_key = $1", [run]);
    await insert(batch([group(), [row("a")]]));
    expect(await state()).toEqual({ state_version: "0", unsettled: false, abandoned: true });
    expect((await insert(batch([group(), [row("b")]]))).unsettledGroups).toEqual([0]);
    expect(await state()).toEqual({ state_version: "1", unsettled: true, abandoned: false });
  });

  it("changes nothing when a batch is sent again with its keys, and calls its rows its own", async () => {
    await insert(batch([group(), [row("old")]]));
    await db.query("UPDATE run_parts SET finished_at = now() WHERE run_key = $1", [run]);
    const sent = batch(
      [group(), [row("a"), row("a"), row("b"), row("old")]],
      [group({ partId: PARTS[1] }), [row("c")]],
    );
    await insert(sent);
    const before = await contents();
    const again = await insert(sent);
    expect(again.leftOut).toEqual([0, 1, 2, 3, 4]);
    expect(await contents()).toBe(before);
    const probed = await ask(probe(sent, { isFirst: [true, false, true, true, true] }));
    expect(probed.map(({ own }) => own)).toEqual([true, false, true, false, true]);
  });

  async function state() {
    const [found] = await db.query(
      `SELECT state_version, unsettled_at IS NOT NULL AS unsettled, abandoned_at IS NOT NULL AS abandoned
      FROM runs WHERE run_key = $1`,
      [run],
    );
    return found;
  }
});

describe("probeResults", () => {
  const whole: Partial<ResultRow> = { failureMessage: "boom", details: Buffer.from("x") };
  const absent: Partial<ResultRow> = { startUs: null, durationUs: null };

  it.each<[string, Partial<ResultRow>, Partial<ResultRow>, boolean]>([
    ["is equal", whole, {}, true],
    ["lacks the same columns", absent, {}, true],
    ["has another status", whole, { status: 2 }, false],
    ["has another attempt", whole, { attempt: 2 }, false],
    ["starts a microsecond later", whole, { startUs: 1_772_600_000_123_458 }, false],
    ["has no start", whole, { startUs: null }, false],
    ["has a start, unlike the stored one", absent, { startUs: 0 }, false],
    ["took longer", whole, { durationUs: 6 }, false],
    ["has no duration", whole, { durationUs: null }, false],
    ["has a duration, unlike the stored one", absent, { durationUs: 0 }, false],
    ["has another message", whole, { failureMessage: "Boom" }, false],
    ["has no message", whole, { failureMessage: null }, false],
    ["has an empty message, unlike the stored one", absent, { failureMessage: "" }, false],
    ["has other details", whole, { details: Buffer.from("y") }, false],
    ["has no details", whole, { details: null }, false],
    ["has empty details, unlike the stored one", absent, { details: Buffer.alloc(0) }, false],
  ])("compares a row that %s", async (_, stored, change, same) => {
    await insert(batch([group(), [row("a", stored)]]));
    const probed = await ask(probe(batch([group(), [row("a", { ...stored, ...change })]])));
    expect(probed).toEqual([{ index: 0, same, own: false, foreign: false }]);
  });

  it("tells which rows another part has stored, and leaves out those that are not stored", async () => {
    await insert(batch([group(), [row("a"), row("b")]], [group({ partId: PARTS[1] }), [row("c")]]));
    const probed = await ask(probe(batch([group(), [row("c"), row("none"), row("a")]])));
    expect(probed).toEqual([
      { index: 0, same: true, own: false, foreign: true },
      { index: 2, same: true, own: false, foreign: false },
    ]);
  });

  it("counts repeats in the ledger once per duplicate key: neither conflicts nor own rows", async () => {
    const mine = group();
    await insert(batch([mine, [row("own")]], [group({ partId: PARTS[1] }), [row("a"), row("b")]]));
    const sent = probe(batch([mine, [row("own"), row("a"), row("b", { status: 2 }), row("own")]]), {
      isFirst: [true, true, true, false],
    });
    await ask(sent);
    await ask(sent);
    const ledger = await db.query(
      `SELECT batch_key, part_id, accepted_count, duplicate_count, foreign_count, conflict_count
      FROM batches WHERE run_key = $1 AND duplicate_count + conflict_count > 0`,
      [run],
    );
    expect(ledger).toEqual([
      {
        batch_key: sent.duplicateKeys[0],
        part_id: PARTS[0],
        accepted_count: 0,
        duplicate_count: 2,
        foreign_count: 1,
        conflict_count: 0,
      },
    ]);
  });

  it.each(["force_generic_plan", "force_custom_plan"])(
    "looks rows up by their keys and reads no table through, with %s",
    async (plan) => {
      await using lane = new Connection({
        url: database.url,
        prepare: true,
        settings: { plan_cache_mode: plan },
      });
      const size = 5_000;
      const rows = Array.from({ length: size }, (_, i) =>
        row(`r${i}`, { testKey: String(i % 97) }),
      );
      const sent = batch([group(), rows.slice(0, size / 2)], [group(), rows.slice(size / 2)]);
      // Neighbours, so that reading it all would show: 20,000 results and as many rows of the ledger.
      for (let i = 0; i < 4; i++) await insert(batch([group({ runKey: await newRun() }), rows]));
      await db.query(
        `INSERT INTO batches
      SELECT
        project_key, -ord, $1::bigint, part_id, token_id, created_at, late, accepted_count, duplicate_count,
        foreign_count, conflict_count, rejected_count, passed_count, failed_count, errored_count,
        skipped_count, precluded_count, duration_us
      FROM (SELECT * FROM batches LIMIT 1) b, generate_series(1, 20000) ord`,
        [drawKey()],
      );
      await insert(sent);
      await db.run("ANALYZE results; ANALYZE batches");
      const readThrough = async () => {
        await lane.query("SELECT pg_stat_force_next_flush()");
        const [found] = await lane.query<{ tuples: number }>(
          `SELECT COALESCE(sum(seq_tup_read), 0)::int AS tuples FROM pg_stat_user_tables
        WHERE relname ~ '^results_' OR relname = 'batches'`,
        );
        return found?.tuples ?? 0;
      };
      const before = await readThrough();
      for (let i = 0; i < 10; i++) {
        const probed = await probeResults(lane, probe(sent), Infinity);
        expect(probed.rows.filter(({ same }) => same)).toHaveLength(size);
      }
      // Reading either table through, once, would be 20,000 at least.
      expect((await readThrough()) - before).toBeLessThan(20_000);
    },
  );
});
