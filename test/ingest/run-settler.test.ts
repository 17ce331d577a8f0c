import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DbError } from "../../src/db/errors.js";
import { Pool } from "../../src/db/pool.js";
import type { Queryable } from "../../src/db/queryable.js";
import { createRunSettler } from "../../src/ingest/run-settler.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;
let db: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Pool({ url: database.url, prepare: true, size: 6 });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

let runKey: string;
beforeEach(async ({ task }) => {
  runKey = await newRun(task.name);
});

async function newRun(runId: string): Promise<string> {
  const [run] = await db.query<{ run_key: string }>(
    `INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given)
    VALUES (1, $1, '2026-01-01', 1, now(), false) RETURNING run_key`,
    [runId],
  );
  return run?.run_key ?? "";
}
/** What every writer does before it settles the run. */
const change = (key = runKey) =>
  db.query(
    "UPDATE runs SET state_version = state_version + 1, unsettled_at = now() WHERE run_key = $1",
    [key],
  );
const isSettled = async () => {
  const [row] = await db.query<{ settled: boolean }>(
    "SELECT unsettled_at IS NULL AS settled FROM runs WHERE run_key = $1",
    [runKey],
  );
  return row?.settled;
};
const versionOf = (settled: { record: { stateVersion: string } } | null) =>
  Number(settled?.record.stateVersion);
const retry = (ms = 30_000) => ({ deadlineAt: Date.now() + ms, random: () => 0 });

/** A settler, and how many statements it has sent; `before` is called with each. */
function lab(before: (count: number) => unknown = () => {}) {
  let count = 0;
  const counting: Queryable = {
    query: async (...args) => {
      await before(++count);
      return db.query(...args);
    },
  };
  return { settle: createRunSettler(counting), statements: () => count };
}

describe("a run that many settle at once", () => {
  it("is read after each has committed, and is settled at the end", async () => {
    const { settle } = lab();
    const callers = Array.from({ length: 40 }, async (_, i) => {
      await change();
      const [row] = await db.query<{ state_version: string }>(
        "SELECT state_version FROM runs WHERE run_key = $1",
        [runKey],
      );
      const settled = await settle("1", runKey, retry());
      expect(versionOf(settled), `caller ${i}`).toBeGreaterThanOrEqual(Number(row?.state_version));
    });
    await Promise.all(callers);
    expect(await isSettled()).toBe(true);
  });

  it("is settled twice at most for those who come while it is", async () => {
    const { settle, statements } = lab();
    await change();
    await Promise.all(Array.from({ length: 40 }, () => settle("1", runKey, retry())));
    expect(statements()).toBeLessThanOrEqual(4);
    expect(await isSettled()).toBe(true);
  });

  it("holds up no other", async () => {
    const other = await newRun("another run");
    let go = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { settle } = lab((count) => (count === 1 ? held : undefined));
    const first = settle("1", runKey, retry());
    expect((await settle("1", other, retry()))?.record.runKey).toBe(other);
    go();
    expect((await first)?.record.runKey).toBe(runKey);
  });

  it("is settled for those who wait, though the one before them failed", async () => {
    const { settle } = lab((count) => {
      if (count === 1) throw new DbError("check", "an error of the first", "23514", "");
    });
    await change();
    const [first, ...others] = await Promise.allSettled(
      Array.from({ length: 5 }, () => settle("1", runKey, retry())),
    );
    expect(first?.status).toBe("rejected");
    expect(others.map(({ status }) => status)).toEqual(Array(4).fill("fulfilled"));
    expect(await isSettled()).toBe(true);
  });

  it("is settled for those with time, though one who waits has none left", async () => {
    const { settle } = lab();
    await change();
    const [, hasty, patient] = [
      settle("1", runKey, retry()),
      settle("1", runKey, retry(-1)),
      settle("1", runKey, retry()),
    ];
    await hasty;
    expect((await patient)?.record.runKey).toBe(runKey);
  });
});
