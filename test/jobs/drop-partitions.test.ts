import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { uploadResults } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import {
  dropResultsPartition,
  ensureResultsPartition,
  monthsThatLeave,
  partitionsToDrop,
} from "../../src/db/results-partitions.js";
import { dropPartitions } from "../../src/jobs/drop-partitions.js";
import { expireRuns } from "../../src/jobs/expire-runs.js";
import { createLogger } from "../../src/log.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { startTestServer } from "../support/server.js";

let database: TestDatabase;
let db: Connection;
beforeEach(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await db.query("INSERT INTO organizations (organization_id, name) VALUES ('org', 'org')");
  await db.query(
    `INSERT INTO projects (project_id, organization_key, name)
    SELECT 'first', organization_key, 'first' FROM organizations`,
  );
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const log = createLogger("silent");
/** A round that waits no longer for readers than it says. */
const drop = (lockTimeoutMs = "300") =>
  dropPartitions({
    db,
    log,
    connect: () =>
      new Connection({
        url: database.url,
        prepare: true,
        settings: { lock_timeout: lockTimeoutMs },
      }),
  }).runOnce();
const expire = () => expireRuns({ db, log, now: Date.now }).runOnce();

/** A run of 2 results on a day, as retention finds it. */
async function storeRun(day: string, expired: boolean): Promise<string> {
  await ensureResultsPartition(db, day);
  const [run] = await db.query<{ run_key: string }>(
    `INSERT INTO runs (
      project_key, run_id, run_day, created_at, open_key, started_at, start_given, expired_at
    )
    SELECT project_key, gen_random_uuid(), $1::text::date, $1::text::timestamptz, 1, now(), false,
      CASE WHEN $2 THEN now() - interval '1 hour' END
    FROM projects
    WHERE project_id = 'first'
    RETURNING run_key`,
    [day, expired],
  );
  const runKey = run?.run_key ?? "";
  await db.query(
    `INSERT INTO results (project_key, run_key, test_key, batch_key, run_day, status, attempt, result_id)
    SELECT project_key, run_key, n, 1, run_day, 1, 1, '' FROM runs, generate_series(1, 2) AS n
    WHERE run_key = $1`,
    [runKey],
  );
  return runKey;
}
/** Partitions of the past, and tables that were. */
async function tables(): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `SELECT relname::text || CASE WHEN relispartition THEN '' ELSE ' detached' END AS name
    FROM pg_class
    WHERE relkind = 'r' AND relname ~ '^results_20[01]' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}
const stepOf = async (runKey: string) => {
  const [row] = await db.query<{ expire_step: number }>(
    "SELECT expire_step FROM runs WHERE run_key = $1",
    [runKey],
  );
  return row?.expire_step;
};

/** Statements with a word in them that wait for a lock. */
async function waiting(word: string): Promise<number> {
  const rows = await db.query(
    `SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'`,
    [word],
  );
  return rows.length;
}

describe("a month of the past", () => {
  it("leaves with its partition once no run of it is kept and none needs its results", async () => {
    const [first, last] = [await storeRun("2019-05-01", true), await storeRun("2019-05-31", true)];
    const kept = await storeRun("2019-06-01", false);
    const beside = await storeRun("2019-06-30", true);
    await drop();
    expect(await tables()).toEqual(["results_2019_05", "results_2019_06"]);
    expect(await monthsThatLeave(db)).toEqual(["2019-05-01"]);
    await expire();
    // Sealed, and left to the partition; beside a run that is kept, results are deleted.
    expect(await Promise.all([first, last, kept, beside].map(stepOf))).toEqual([1, 1, 0, 2]);
    const left = await db.query("SELECT run_key FROM results ORDER BY run_day");
    expect(left.map((row) => Object.values(row)[0])).toEqual([
      first,
      first,
      last,
      last,
      kept,
      kept,
    ]);
    expect(await partitionsToDrop(db)).toEqual(["results_2019_05"]);
    await drop();
    expect(await tables()).toEqual(["results_2019_06"]);
    await expire();
    expect(await Promise.all([first, last, kept, beside].map(stepOf))).toEqual([2, 2, 0, 2]);
    expect(await db.query("SELECT FROM results")).toHaveLength(2);
  });

  it("waits for runs that are deleted and not purged yet", async () => {
    const runKey = await storeRun("2019-05-10", false);
    await db.query("UPDATE runs SET deleted_at = now() WHERE run_key = $1", [runKey]);
    expect(await monthsThatLeave(db)).toEqual(["2019-05-01"]);
    expect(await partitionsToDrop(db)).toEqual([]);
    await db.query("UPDATE runs SET purged_at = now() WHERE run_key = $1", [runKey]);
    expect(await partitionsToDrop(db)).toEqual(["results_2019_05"]);
  });

  it("leaves when it is empty, this month and the coming ones never", async () => {
    await ensureResultsPartition(db, "2018-01-31");
    const future = await db.query("SELECT FROM pg_inherits WHERE inhparent = 'results'::regclass");
    expect(await partitionsToDrop(db)).toEqual(["results_2018_01"]);
    await drop();
    expect(await tables()).toEqual([]);
    const rest = await db.query("SELECT FROM pg_inherits WHERE inhparent = 'results'::regclass");
    expect(rest).toHaveLength(future.length - 1);
  });
});

describe("the drop of a partition", () => {
  it.each([
    ["was marked", []],
    ["was detached", ["ALTER TABLE results DETACH PARTITION results_2019_05 CONCURRENTLY"]],
  ])("goes on where another one was killed after it %s", async (_, statements) => {
    await storeRun("2019-05-01", true);
    await expire();
    await db.query("COMMENT ON TABLE results_2019_05 IS 'tally: leaves by retention'");
    for (const statement of statements) await db.query(statement);
    await drop();
    expect(await tables()).toEqual([]);
  });

  it("finishes a detachment that was interrupted, and stops nobody meanwhile", async () => {
    await using server = await startTestServer({ databaseUrl: database.url, withoutJobs: true });
    await storeRun("2019-05-01", true);
    await expire();
    const { ingest } = server.client(server.allToken);
    const upload = async (runId: string) => {
      const results = [{ test: { name: "a" }, status: Status.PASSED }];
      const { acceptedCount } = await ingest.ingestRun({ run: { runId }, results });
      expect(acceptedCount).toBe(1n);
    };
    const isDetaching = async () => {
      const [row] = await db.query<{ pending: boolean }>(
        `SELECT inhdetachpending AS pending FROM pg_inherits
        WHERE inhrelid = to_regclass('results_2019_05')`,
      );
      return row?.pending;
    };
    await using reader = new Connection({ url: database.url, prepare: false });
    await reader.run("BEGIN; SELECT count(*) FROM results");
    await drop();
    expect(await isDetaching()).toBe(true);
    // Now a round waits for the reader, and writers do not wait for the round.
    let isDone = false;
    const dropping = drop("0").then(() => {
      isDone = true;
    });
    await expect.poll(() => waiting("FINALIZE")).toBe(1);
    await upload("meanwhile");
    expect(isDone).toBe(false);
    await reader.run("COMMIT");
    await dropping;
    expect(await tables()).toEqual([]);
    await upload("afterwards");
  });

  it("lets writers and new readers pass while it waits for an old reader", async () => {
    await using server = await startTestServer({ databaseUrl: database.url, withoutJobs: true });
    await storeRun("2019-05-01", true);
    await expire();
    const { ingest } = server.client(server.allToken);
    await using reader = new Connection({ url: database.url, prepare: false });
    await reader.run("BEGIN; SELECT count(*) FROM results");
    let isDone = false;
    const dropping = drop("0").then(() => {
      isDone = true;
    });
    await expect.poll(() => waiting("CONCURRENTLY")).toBe(1);
    const results = [{ test: { name: "a" }, status: Status.PASSED }];
    const sent = await ingest.ingestRun({ run: { runId: "meanwhile" }, results });
    expect(sent.acceptedCount).toBe(1n);
    expect(await db.query("SELECT FROM results")).toHaveLength(1);
    expect(isDone).toBe(false);
    await reader.run("COMMIT");
    await dropping;
    expect(await tables()).toEqual([]);
  });

  it("leaves those after it to the next round where an old reader holds it up", async () => {
    for (const month of ["05", "06", "07"]) await storeRun(`2019-${month}-01`, true);
    await expire();
    await using reader = new Connection({ url: database.url, prepare: false });
    await reader.run("BEGIN; SELECT count(*) FROM results");
    await drop();
    // Another one leaves meanwhile, of a month before.
    await storeRun("2019-04-01", true);
    await expire();
    expect(await partitionsToDrop(db)).toEqual(
      ["05", "04", "06", "07"].map((month) => `results_2019_${month}`),
    );
    await drop();
    await reader.run("COMMIT");
    // By a server that had listed them before the first one was begun with.
    await db.query("COMMENT ON TABLE results_2019_06 IS 'tally: leaves by retention'");
    await expect(dropResultsPartition(db, "results_2019_06")).rejects.toMatchObject({
      sqlState: "55000",
    });
    await drop();
    expect(await tables()).toEqual([]);
  });

  it("leaves a table alone that an operator has detached", async () => {
    await storeRun("2019-05-01", true);
    await expire();
    await db.query("ALTER TABLE results DETACH PARTITION results_2019_05");
    await drop();
    expect(await tables()).toEqual(["results_2019_05 detached"]);
    await dropResultsPartition(db, "results_2019_05");
    expect(await tables()).toEqual(["results_2019_05 detached"]);
  });

  it("is done once by several servers, while others write and read", async () => {
    await using server = await startTestServer({ databaseUrl: database.url, withoutJobs: true });
    const client = server.client(server.allToken);
    const months = Array.from({ length: 12 }, (_, i) => String(i + 1).padStart(2, "0"));
    for (const month of months) await storeRun(`2018-${month}-10`, true);
    await expire();
    expect(await partitionsToDrop(db)).toHaveLength(12);
    let dropping = true;
    const results = Array.from({ length: 50 }, (_, i) => ({
      test: { name: `t${i}` },
      status: i % 5 === 0 ? Status.FAILED : Status.PASSED,
    }));
    let uploads = 0;
    const writer = async (name: string) => {
      do {
        const run = { runId: `${name} ${uploads++}` };
        const { acceptedCount } = await uploadResults(client, { run }, results);
        expect(acceptedCount).toBe(50);
      } while (dropping);
    };
    const reader = async () => {
      await using connection = new Connection({ url: database.url, prepare: true });
      do {
        await connection.query("SELECT count(*) FROM results WHERE project_key = $1", [1]);
        await connection.query(
          `SELECT status FROM results
          WHERE project_key = $1 AND run_day = $2::text::date AND run_key = $3`,
          [1, "2018-06-10", 1],
        );
        await client.stats.listRuns({});
      } while (dropping);
    };
    const all = Promise.all([writer("a"), writer("b"), reader(), reader()]);
    for (let round = 0; (await tables()).length > 0 && round < 50; round++) {
      await Promise.all([drop(), drop(), drop()]);
    }
    dropping = false;
    await all;
    expect(await tables()).toEqual([]);
    const [stored] = await db.query<{ n: number }>("SELECT count(*)::int AS n FROM results");
    expect(stored?.n).toBe(uploads * 50);
  });
});
