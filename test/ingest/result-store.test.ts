import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import type { DbError } from "../../src/db/errors.js";
import type { Queryable } from "../../src/db/queryable.js";
import type { ResultRow } from "../../src/db/results.js";
import { ensureResultsPartition } from "../../src/db/results-partitions.js";
import { type CommitOptions, commitSlices } from "../../src/group-commit/commit-slices.js";
import { createPending, type Slice } from "../../src/group-commit/job.js";
import { createResultStore } from "../../src/ingest/result-store.js";
import {
  mergeParts,
  RunGone,
  type WriteJob,
  type WriteOutcome,
  type WrittenPart,
} from "../../src/ingest/write-job.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { insertProjects } from "../support/projects.js";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.js";

let database: TestDatabase;
let proxy: TcpProxy;
/** Past the proxy. */
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  const { hostname, port } = new URL(database.url);
  proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  db = new Connection({ url: database.url, prepare: false });
  await insertProjects(db);
  await ensureResultsPartition(db, DAY);
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const DAY = "2026-03-04";
const PART = Buffer.alloc(16);
let run: string;
beforeEach(async () => {
  run = await newRun(DAY);
});

async function newRun(day: string): Promise<string> {
  const [stored] = await db.query<{ run_key: string }>(
    `INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given)
    VALUES (1, $1, $2::text::date, 1, now(), false) RETURNING run_key`,
    [randomBytes(8).toString("hex"), day],
  );
  return stored?.run_key ?? "";
}

const row = (resultId: string, change: Partial<ResultRow> = {}): ResultRow => ({
  testKey: "7",
  resultId,
  status: 1,
  attempt: 1,
  startUs: null,
  durationUs: 5,
  failureMessage: null,
  details: null,
  ...change,
});
const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => row(`r${from + i}`));

const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

type Statement = "insert" | "probe" | "partition";

interface Lab extends AsyncDisposable {
  /** What was sent, in its order. */
  readonly sent: Statement[];
  readonly retries: DbError[];
  /** Commits the jobs together, whole or cut into slices, and answers what each caller hears. */
  commit(...jobs: readonly Job[]): Promise<PromiseSettledResult<WriteOutcome>[]>;
}

interface Job extends Partial<WriteJob> {
  readonly rows: readonly ResultRow[];
  /** Where a slice ends and the next begins; the slices follow each other in the statement. */
  readonly cutAt?: number;
}

interface LabOptions extends Partial<CommitOptions> {
  /** Called with each statement before it is sent. */
  readonly onSend?: (statement: Statement) => unknown;
}

/** One lane through the proxy that counts its statements. */
function openLab({ onSend = () => {}, ...options }: LabOptions = {}): Lab {
  const sent: Statement[] = [];
  const retries: DbError[] = [];
  const store = createResultStore();
  const connection = new Connection({ url: proxy.through(database.url), prepare: true });
  const lane: Queryable = {
    async query(text, params, queryOptions) {
      const statement = text.includes("ensure_results_partition")
        ? "partition"
        : text.includes("INSERT INTO results")
          ? "insert"
          : "probe";
      sent.push(statement);
      await onSend(statement);
      return connection.query(text, params, queryOptions);
    },
  };
  return {
    sent,
    retries,
    async commit(...jobs) {
      const slices: Slice<WriteJob, WrittenPart>[] = [];
      const outcomes = jobs.map(
        ({ cutAt, ...job }) =>
          new Promise<WriteOutcome>((resolve, reject) => {
            const whole = {
              projectKey: "1",
              runKey: run,
              runDay: DAY,
              partId: PART,
              tokenId: "t",
              deadlineAt: Date.now() + 30_000,
              ...job,
            };
            const pending = createPending<WriteJob, WrittenPart>(
              whole,
              (parts) => resolve(mergeParts(parts)),
              reject,
            );
            const to = job.rows.length;
            const middle = cutAt ?? to;
            slices.push({ pending, from: 0, to: middle });
            if (middle < to) slices.push({ pending, from: middle, to });
          }),
      );
      const heard = Promise.allSettled(outcomes);
      const turns: (readonly Slice<WriteJob, WrittenPart>[])[] = [slices];
      for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
        const halves = await commitSlices(lane, turn, store, {
          drawKey: () => (randomBytes(8).readBigUInt64BE() >> 1n).toString(),
          random: () => 0,
          now: Date.now,
          hooks: { committed() {}, retried: (error) => retries.push(error) },
          ...options,
        });
        turns.unshift(...halves);
      }
      return heard;
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

const heard = (outcome: Partial<WriteOutcome>) => ({
  status: "fulfilled",
  value: expect.objectContaining({ duplicates: [], conflicts: [], unstorable: [], ...outcome }),
});

/** What the database holds of the run, and what its ledger and fold queue say. */
async function recount() {
  const [found] = await db.query(
    `SELECT
      (SELECT count(*)::int FROM results WHERE run_key = $1) AS stored,
      (SELECT COALESCE(sum(accepted_count), 0)::int FROM batches WHERE run_key = $1) AS accepted,
      (SELECT COALESCE(sum(duplicate_count), 0)::int FROM batches WHERE run_key = $1) AS duplicates,
      (SELECT COALESCE(sum(cardinality(test_keys)), 0)::int FROM fold_queue WHERE run_key = $1) AS folded`,
    [run],
  );
  return found;
}

describe("a connection that breaks", () => {
  /** Both statements are prepared: what follows on the wire is their answer alone. */
  async function warm(lab: Lab): Promise<void> {
    const other = await newRun(DAY);
    await lab.commit({ runKey: other, rows: rows(1) });
    await lab.commit({ runKey: other, rows: rows(1) });
    lab.sent.length = 0;
  }

  it.each([
    ["at the first byte, in order", 0, "fin"],
    ["at the first byte, by a reset", 0, "rst"],
    ["in the middle", 40, "rst"],
  ] as const)("accepts a batch whose answer is lost %s", async (_, bytes, how) => {
    await using lab = openLab();
    await warm(lab);
    proxy.cutAfter("toClient", bytes, how);
    expect(await lab.commit({ rows: rows(200) }, { rows: rows(100, 200) })).toEqual([
      heard({ acceptedCount: 200 }),
      heard({ acceptedCount: 100 }),
    ]);
    // The second insert found all of it stored: the first one had committed.
    expect(lab.sent).toEqual(["insert", "insert", "probe"]);
    expect(await recount()).toEqual({ stored: 300, accepted: 300, duplicates: 0, folded: 300 });
  });

  it("tells its own rows from the repeats among them when the answer is lost", async () => {
    await using lab = openLab();
    await warm(lab);
    await lab.commit({ rows: rows(10) });
    proxy.cutAfter("toClient", 0, "rst");
    const list = [row("r3"), row("r4", { status: 2 }), row("x"), row("x"), row("x", { status: 2 })];
    expect(await lab.commit({ rows: list })).toEqual([
      heard({ acceptedCount: 1, duplicates: [0, 3], conflicts: [1, 4] }),
    ]);
    expect(lab.sent).toEqual(["insert", "insert", "insert", "probe"]);
    expect(await recount()).toEqual({ stored: 11, accepted: 11, duplicates: 2, folded: 11 });
  });

  it("counts repeats once when the answer to their probe is lost", async () => {
    let armed = false;
    await using lab = openLab({
      onSend: (statement) => {
        if (armed && statement === "probe") proxy.cutAfter("toClient", 0, "rst");
        if (statement === "probe") armed = false;
      },
    });
    await warm(lab);
    await lab.commit({ rows: rows(10) });
    armed = true;
    expect(await lab.commit({ rows: rows(12) })).toEqual([
      heard({ acceptedCount: 2, duplicates: TEN }),
    ]);
    expect(lab.sent).toEqual(["insert", "insert", "probe", "probe"]);
    expect(await recount()).toEqual({ stored: 12, accepted: 12, duplicates: 10, folded: 12 });
  });

  it.each([0, 1, 3000])("sends a batch again of which %i bytes had left", async (bytes) => {
    await using lab = openLab();
    await warm(lab);
    proxy.cutAfter("toServer", bytes, "rst");
    expect(await lab.commit({ rows: rows(300) })).toEqual([heard({ acceptedCount: 300 })]);
    expect(lab.sent).toEqual(["insert", "insert"]);
    expect(await recount()).toEqual({ stored: 300, accepted: 300, duplicates: 0, folded: 300 });
  });

  it("sends a batch again whose backend was killed before it committed", async () => {
    await using lab = openLab();
    await warm(lab);
    await using blocker = new Connection({ url: database.url, prepare: false });
    await blocker.run("BEGIN; LOCK TABLE fold_queue IN EXCLUSIVE MODE");
    const committing = lab.commit({ rows: rows(50) });
    await expect
      .poll(async () => {
        const killed = await db.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return killed.length;
      })
      .toBe(1);
    await blocker.run("COMMIT");
    expect(await committing).toEqual([heard({ acceptedCount: 50 })]);
    expect(lab.retries.map(({ kind }) => kind)).toEqual(["transient"]);
    expect(lab.sent).toEqual(["insert", "insert"]);
    expect(await recount()).toEqual({ stored: 50, accepted: 50, duplicates: 0, folded: 50 });
  });

  it("gives up after five tries, tells every caller, and serves the next", async () => {
    let cutting = false;
    await using lab = openLab({
      onSend: () => {
        if (cutting) proxy.cutAfter("toServer", 0, "rst");
      },
    });
    await warm(lab);
    cutting = true;
    const failed = { status: "rejected", reason: expect.objectContaining({ kind: "transient" }) };
    expect(await lab.commit({ rows: rows(2) }, { rows: rows(2, 2) })).toEqual([failed, failed]);
    expect(lab.sent).toHaveLength(5);
    cutting = false;
    expect(await lab.commit({ rows: rows(4) })).toEqual([heard({ acceptedCount: 4 })]);
  });
});

describe("a sender of what is stored", () => {
  /** A lab that has stored ten rows and met them again. */
  async function openRepeating(options: LabOptions = {}): Promise<Lab> {
    const lab = openLab(options);
    await lab.commit({ rows: rows(10) });
    await lab.commit({ rows: rows(10) });
    lab.sent.length = 0;
    return lab;
  }

  it("is answered by one statement that inserts nothing", async () => {
    await using lab = await openRepeating();
    expect(
      await lab.commit(
        { rows: rows(4) },
        { rows: [row("r4"), row("r4"), row("r5", { status: 2 })] },
        { rows: rows(4, 6) },
      ),
    ).toEqual([
      heard({ acceptedCount: 0, duplicates: [0, 1, 2, 3] }),
      heard({ acceptedCount: 0, duplicates: [0, 1], conflicts: [2] }),
      heard({ acceptedCount: 0, duplicates: [0, 1, 2, 3] }),
    ]);
    expect(lab.sent).toEqual(["probe"]);
    expect(await recount()).toEqual({ stored: 10, accepted: 10, duplicates: 20, folded: 10 });
  });

  it("has its repeats counted once beside what is new", async () => {
    await using lab = await openRepeating();
    expect(await lab.commit({ rows: rows(12) })).toEqual([
      heard({ acceptedCount: 2, duplicates: TEN }),
    ]);
    expect(lab.sent).toEqual(["probe", "insert", "probe"]);
    expect(await recount()).toEqual({ stored: 12, accepted: 12, duplicates: 20, folded: 12 });

    lab.sent.length = 0;
    expect(await lab.commit({ rows: rows(3, 12) })).toEqual([heard({ acceptedCount: 3 })]);
    expect(lab.sent).toEqual(["insert"]);
  });

  it("has its repeats counted once beside a row that cannot be stored", async () => {
    await using lab = await openRepeating();
    const list = [...rows(10), row("overflow", { attempt: 40_000 })];
    expect(await lab.commit({ rows: list })).toEqual([
      heard({
        acceptedCount: 0,
        duplicates: TEN,
        unstorable: [{ index: 10, reason: expect.stringContaining("out of range") }],
      }),
    ]);
    expect(await recount()).toMatchObject({ stored: 10, duplicates: 20 });
  });

  it("has its repeats counted once when the answer is lost", async () => {
    let armed = false;
    await using lab = await openRepeating({
      onSend: () => {
        if (armed) proxy.cutAfter("toClient", 0, "rst");
        armed = false;
      },
    });
    armed = true;
    expect(await lab.commit({ rows: rows(10) })).toEqual([
      heard({ acceptedCount: 0, duplicates: TEN }),
    ]);
    expect(lab.sent).toEqual(["probe", "probe"]);
    expect(await recount()).toEqual({ stored: 10, accepted: 10, duplicates: 20, folded: 10 });
  });

  it("hears it when its run is deleted, although the rows are still there", async () => {
    await using lab = await openRepeating();
    await db.query("UPDATE runs SET deleted_at = now() WHERE run_key = $1", [run]);
    expect(await lab.commit({ rows: rows(10) })).toEqual([
      { status: "rejected", reason: expect.any(RunGone) },
    ]);
    expect(await recount()).toMatchObject({ stored: 10, duplicates: 10 });
  });

  it("unsettles an ended run where another part had stored them", async () => {
    await using lab = openLab();
    const other = Buffer.alloc(16, 9);
    await lab.commit({ rows: rows(10) });
    await lab.commit({ rows: rows(10), partId: other });
    lab.sent.length = 0;
    await db.query("UPDATE runs SET state = 2, unsettled_at = NULL WHERE run_key = $1", [run]);
    expect(await lab.commit({ rows: rows(10), partId: other })).toEqual([
      heard({ duplicates: TEN, foreignCount: 10, unsettled: true }),
    ]);
    expect(lab.sent).toEqual(["probe"]);
    const [found] = await db.query(
      "SELECT unsettled_at IS NOT NULL AS unsettled FROM runs WHERE run_key = $1",
      [run],
    );
    expect(found).toEqual({ unsettled: true });
  });
});

it("makes one row of the ledger of the callers that share run, part and token", async () => {
  await using lab = openLab();
  await lab.commit(
    { rows: rows(2) },
    { rows: rows(1, 2) },
    { rows: rows(1, 3), partId: Buffer.alloc(16, 9) },
    { rows: rows(1, 4), tokenId: "other" },
  );
  const ledger = await db.query(
    `SELECT accepted_count AS accepted, token_id AS token FROM batches WHERE run_key = $1
    ORDER BY accepted_count DESC, token_id DESC, part_id`,
    [run],
  );
  expect(ledger).toEqual([
    { accepted: 3, token: "t" },
    { accepted: 1, token: "t" },
    { accepted: 1, token: "other" },
  ]);
});

describe("rows that cannot be stored", () => {
  const poison = row("a\0b");

  it.each([
    [1, 0],
    [2, 1],
    [3, 0],
    [1000, 0],
    [1000, 499],
    [1000, 999],
    [4097, 2048],
  ])("are found among %i, at %i, by halving", async (count, at) => {
    await using lab = openLab();
    const list = rows(count);
    list[at] = poison;
    expect(await lab.commit({ rows: list, cutAt: Math.ceil(count / 3) })).toEqual([
      heard({
        acceptedCount: count - 1,
        unstorable: [{ index: at, reason: expect.stringContaining("UTF8") }],
      }),
    ]);
    expect(lab.sent.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(count)));
    const stored = count - 1;
    expect(await recount()).toEqual({ stored, accepted: stored, duplicates: 0, folded: stored });
  });

  it("are each found, and their neighbours' repeats and conflicts told as ever", async () => {
    await using lab = openLab();
    await lab.commit({ rows: rows(3) });
    lab.sent.length = 0;
    const mixed = [row("r0"), poison, row("r1", { status: 3 }), row("new"), poison];
    expect(await lab.commit({ rows: [poison] }, { rows: mixed }, { rows: rows(2, 2) })).toEqual([
      heard({ acceptedCount: 0, unstorable: [expect.objectContaining({ index: 0 })] }),
      heard({
        acceptedCount: 1,
        duplicates: [0],
        conflicts: [2],
        unstorable: [expect.objectContaining({ index: 1 }), expect.objectContaining({ index: 4 })],
      }),
      heard({ acceptedCount: 1, duplicates: [0] }),
    ]);
    expect(await recount()).toEqual({ stored: 5, accepted: 5, duplicates: 2, folded: 5 });
  });

  it("may hold a number beyond its column", async () => {
    await using lab = openLab();
    const list = rows(100);
    list[42] = row("overflow", { attempt: 40_000 });
    expect(await lab.commit({ rows: list })).toEqual([
      heard({
        acceptedCount: 99,
        unstorable: [{ index: 42, reason: expect.stringContaining("out of range") }],
      }),
    ]);
    expect(lab.sent.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(100)));
    expect(await recount()).toEqual({ stored: 99, accepted: 99, duplicates: 0, folded: 99 });
  });

  it("may be what a CHECK of a partition refuses; the reason names it", async () => {
    await db.run(
      "ALTER TABLE results_2026_03 ADD CONSTRAINT no_poison CHECK (result_id <> 'poison')",
    );
    try {
      await using lab = openLab();
      expect(await lab.commit({ rows: [row("a"), row("poison"), row("b")] })).toEqual([
        heard({
          acceptedCount: 2,
          unstorable: [{ index: 1, reason: expect.stringContaining("no_poison") }],
        }),
      ]);
    } finally {
      await db.run("ALTER TABLE results_2026_03 DROP CONSTRAINT no_poison");
    }
  });
});

describe("a turn", () => {
  it("makes the partitions that its runs need, and stores the rows of all", async () => {
    const [far, near] = [await newRun("2041-02-28"), await newRun("2041-03-01")];
    await using lab = openLab();
    expect(
      await lab.commit(
        { rows: rows(2) },
        { rows: rows(2), runKey: far, runDay: "2041-02-28" },
        { rows: rows(2), runKey: near, runDay: "2041-03-01" },
      ),
    ).toEqual([2, 2, 2].map((acceptedCount) => heard({ acceptedCount })));
    expect(lab.sent).toEqual(["insert", "partition", "partition", "partition", "insert"]);
    const partitions = await db.query(
      "SELECT relname FROM pg_class WHERE relname IN ('results_2041_02', 'results_2041_03')",
    );
    expect(partitions).toHaveLength(2);
  });

  it("makes a partition once, however many lanes need it at the same moment", async () => {
    const runs = await Promise.all(Array.from({ length: 4 }, () => newRun("2042-07-01")));
    const outcomes = await Promise.all(
      runs.map(async (runKey) => {
        await using lab = openLab();
        return await lab.commit({ rows: rows(3), runKey, runDay: "2042-07-01" });
      }),
    );
    expect(outcomes).toEqual(runs.map(() => [heard({ acceptedCount: 3 })]));
  });

  it("stores results of a month whose partition is there before inserts know of it", async () => {
    const runKey = await newRun("2043-07-01");
    let inserts = 0;
    await using lab = openLab({
      onSend: async (statement) => {
        if (statement !== "insert") return;
        inserts++;
        // Its name is taken, as it is while another connection attaches it.
        if (inserts === 2) await db.query("ALTER TABLE results DETACH PARTITION results_2043_07");
        if (inserts < 4) return;
        await db.query(
          `ALTER TABLE results ATTACH PARTITION results_2043_07
          FOR VALUES FROM ('2043-07-01') TO ('2043-08-01')`,
        );
      },
    });
    const outcome = await lab.commit({ rows: rows(3), runKey, runDay: "2043-07-01" });
    expect(outcome).toEqual([heard({ acceptedCount: 3 })]);
    expect(inserts).toBe(4);
  });

  it("spends no statement on callers that have stopped waiting", async () => {
    await using lab = openLab({ now: () => 1_000 });
    const late = { status: "rejected", reason: expect.objectContaining({ kind: "timeout" }) };
    expect(await lab.commit({ rows: rows(1), deadlineAt: 1_000 })).toEqual([late]);
    expect(lab.sent).toEqual([]);
    expect(await lab.commit({ rows: rows(1), deadlineAt: 999 }, { rows: rows(1, 1) })).toEqual([
      late,
      heard({ acceptedCount: 1 }),
    ]);
    expect(await recount()).toMatchObject({ stored: 1 });
  });

  it("fails callers whose run was deleted between the insert and the probe, and no others", async () => {
    const gone = await newRun(DAY);
    await using lab = openLab({
      onSend: async (statement) => {
        if (statement !== "probe") return;
        await db.query("UPDATE runs SET deleted_at = now() WHERE run_key = $1", [gone]);
        await db.query("DELETE FROM results WHERE run_key = $1", [gone]);
      },
    });
    await lab.commit({ rows: rows(2), runKey: gone });
    expect(await lab.commit({ rows: rows(2), runKey: gone }, { rows: rows(2) })).toEqual([
      { status: "rejected", reason: expect.any(RunGone) },
      heard({ acceptedCount: 2 }),
    ]);
  });

  it("fails all its callers when the statement is wrong, without halving", async () => {
    await db.run("ALTER TABLE fold_queue RENAME TO elsewhere");
    try {
      await using lab = openLab();
      const bug = { status: "rejected", reason: expect.objectContaining({ kind: "bug" }) };
      expect(await lab.commit({ rows: rows(9) }, { rows: rows(9, 9) })).toEqual([bug, bug]);
      expect(lab.sent).toEqual(["insert"]);
    } finally {
      await db.run("ALTER TABLE elsewhere RENAME TO fold_queue");
    }
    expect(await recount()).toEqual({ stored: 0, accepted: 0, duplicates: 0, folded: 0 });
  });
});
