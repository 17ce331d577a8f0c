import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { Connection } from "../../src/db/client.js";
import { DbError } from "../../src/db/errors.js";
import { Pool } from "../../src/db/pool.js";
import { createEmptyDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

function open(size: number): Pool {
  const pool = new Pool({ url: database.url, prepare: true, size });
  onTestFinished(() => pool[Symbol.asyncDispose]());
  return pool;
}

/** Holds every slot of a pool until it is released. */
async function hold(pool: Pool, slots: number): Promise<() => Promise<void>> {
  const locker = new Connection({ url: database.url, prepare: false });
  await locker.query("SELECT pg_advisory_lock(1)");
  const held = Array.from({ length: slots }, () => pool.query("SELECT pg_advisory_xact_lock(1)"));
  return async () => {
    await locker[Symbol.asyncDispose]();
    await Promise.all(held);
  };
}

it("runs as many statements at once as it has slots, and no more", async () => {
  const pool = open(3);
  const pids = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const [row] = await pool.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      return row?.pid;
    }),
  );
  expect(new Set(pids).size).toBe(3);
  expect(pool.load).toEqual({ used: 0, waiting: 0 });
});

it("lets callers wait in the order they came", async () => {
  const pool = open(1);
  const release = await hold(pool, 1);
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (n) => {
    await pool.query("SELECT 1");
    order.push(n);
  });
  expect(pool.load).toEqual({ used: 1, waiting: 3 });
  await release();
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
  expect(pool.load).toEqual({ used: 0, waiting: 0 });
});

it("ends a wait at the caller's deadline, and keeps the slot for others", async () => {
  const pool = open(1);
  const release = await hold(pool, 1);
  const late = pool.query("SELECT 1", [], { deadlineAt: Date.now() + 50 });
  await expect(late).rejects.toMatchObject({ kind: "timeout" });
  expect(pool.load).toEqual({ used: 1, waiting: 0 });
  await release();
  expect(await pool.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

it("ends a wait without a deadline after ten seconds", async () => {
  const pool = open(1);
  const release = await hold(pool, 1);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const late = pool.query("SELECT 1").catch((error: unknown) => error);
  vi.advanceTimersByTime(9_999);
  expect(pool.load).toEqual({ used: 1, waiting: 1 });
  vi.advanceTimersByTime(1);
  expect(await late).toMatchObject({
    kind: "timeout",
    message: "no database slot within 10000 ms",
  });
  expect(pool.load).toEqual({ used: 1, waiting: 0 });
  vi.useRealTimers();
  await release();
});

it("refuses at once whoever comes when 200 callers wait for each slot", async () => {
  const pool = open(2);
  const release = await hold(pool, 2);
  const waiting = Array.from({ length: 400 }, () => pool.query("SELECT 1"));
  expect(pool.load).toEqual({ used: 2, waiting: 400 });
  await expect(pool.query("SELECT 1")).rejects.toMatchObject({ kind: "timeout" });
  await release();
  await Promise.all(waiting);
});

it("gives a slot back after a statement that failed", async () => {
  const pool = open(1);
  for (let i = 0; i < 3; i++) {
    await expect(pool.query("SELECT nonsense")).rejects.toBeInstanceOf(DbError);
  }
  expect(pool.load).toEqual({ used: 0, waiting: 0 });
  expect(await pool.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

it("fails what runs and what waits when it is disposed, and opens nothing again", async () => {
  const pool = open(1);
  const release = await hold(pool, 0);
  const outcomes = Promise.allSettled([
    pool.query("SELECT pg_advisory_xact_lock(1)"),
    pool.query("SELECT 1"),
    pool.query("SELECT 2"),
  ]);
  await pool[Symbol.asyncDispose]();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { kind: "transient" } });
  }
  await expect(pool.query("SELECT 1")).rejects.toMatchObject({ kind: "transient" });
  await release();
});
