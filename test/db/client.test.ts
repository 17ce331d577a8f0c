import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Connection } from "../../src/db/client.js";
import { withRetries } from "../../src/db/retry.js";
import { createEmptyDatabase, type TestDatabase } from "../support/database.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { failureOf, pidOf, until } from "./support.js";

let database: TestDatabase;
/** Never breaks: it looks at the server from outside. */
let observer: Connection;

beforeAll(async () => {
  database = await createEmptyDatabase();
  observer = new Connection({ url: database.url, prepare: false });
  await observer.run(`
    CREATE TABLE things (id int PRIMARY KEY, size int CONSTRAINT size_positive CHECK (size > 0));
    CREATE TABLE days (day date) PARTITION BY RANGE (day);
  `);
});
afterAll(async () => {
  await observer[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function open(url = database.url, prepare = true): Connection {
  const connection = new Connection({ url, prepare });
  onTestFinished(() => connection[Symbol.asyncDispose]());
  return connection;
}

/** Backends of this database besides the observer's that satisfy a condition. */
async function countBackends(condition: string): Promise<number> {
  const rows = await observer.query(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${condition}`,
  );
  return rows.length;
}

/** A statement that takes 30 s, and whether the server is at it. */
function slowStatement(): { text: string; runs: () => Promise<boolean> } {
  const text = `SELECT pg_sleep(30) AS slept_${statementCount++}`;
  return {
    text,
    runs: async () => (await countBackends(`query = '${text}' AND state = 'active'`)) > 0,
  };
}
let statementCount = 0;

it("answers in the same form whatever the database is set to", async () => {
  await using other = await createEmptyDatabase();
  const { pathname } = new URL(other.url);
  for (const set of [
    "datestyle = 'SQL, DMY'",
    "bytea_output = 'escape'",
    "extra_float_digits = 0",
  ]) {
    await observer.run(`ALTER DATABASE ${pathname.slice(1)} SET ${set}`);
  }
  const text = "SELECT date '2026-01-31'::text AS day";
  const day = { day: "2026-01-31" };
  // Through PgBouncer, which takes no other of these parameters.
  expect(await open(other.url, false).query(text)).toEqual([day]);
  expect(
    await open(other.url).query(`${text}, '\\x00ff'::bytea AS bytes, 1::float8 / 3 AS float`),
  ).toEqual([{ ...day, bytes: Buffer.from([0, 255]), float: 1 / 3 }]);
});

describe.each([true, false])("with prepare: %s", (prepare) => {
  it("answers each type as Queryable says", async () => {
    const [row] = await open(database.url, prepare).query<Record<string, unknown>>(
      `SELECT 9007199254740993::int8 AS big, 7::int4 AS small, 'a'::text AS text, NULL::text AS nothing,
        true AS yes, '\\x00ff'::bytea AS bytes, '2026-01-12T10:00:00.123Z'::timestamptz AS at,
        '{"a": [1]}'::jsonb AS json, 1.5::float8 AS float`,
    );
    expect(row).toEqual({
      big: "9007199254740993",
      small: 7,
      text: "a",
      nothing: null,
      yes: true,
      bytes: Buffer.from([0, 255]),
      at: new Date("2026-01-12T10:00:00.123Z"),
      json: { a: [1] },
      float: 1.5,
    });
  });

  it("takes each type of parameter", async () => {
    const bytes = new Uint8Array([9, 0, 255, 9]).subarray(1, 3);
    const [row] = await open(database.url, prepare).query<Record<string, unknown>>(
      `SELECT $1::text AS text, $2::int8 AS big, $3::int4 AS small, $4::boolean AS no, $5::bytea AS bytes,
        $6::timestamptz AS at, $7::text AS nothing`,
      ["a\\'\"é😀", 2n ** 63n - 1n, 7, false, bytes, new Date("2026-01-12T10:00:00.123Z"), null],
    );
    expect(row).toEqual({
      text: "a\\'\"é😀",
      big: "9223372036854775807",
      small: 7,
      no: false,
      bytes: Buffer.from([0, 255]),
      at: new Date("2026-01-12T10:00:00.123Z"),
      nothing: null,
    });
  });

  it("sends text for a parameter of any type as it is", async () => {
    const connection = open(database.url, prepare);
    for (let i = 0; i < 2; i++) {
      const [row] = await connection.query<Record<string, unknown>>(
        `SELECT $1::jsonb AS json, $2::boolean AS yes, $3::timestamptz::text LIKE '%.123456%' AS micros,
          $4::bytea AS bytes, $5::date::text AS day`,
        ['{"a": "b"}', "true", "2026-01-12T10:00:00.123456Z", "\\x00ff", "infinity"],
      );
      expect(row).toEqual({
        json: { a: "b" },
        yes: true,
        micros: true,
        bytes: Buffer.from([0, 255]),
        day: "infinity",
      });
    }
  });

  it.each([
    ["unique", "INSERT INTO things VALUES (1, 1), (1, 1)", "23505", "things_pkey"],
    ["check", "INSERT INTO things VALUES (2, -1)", "23514", "size_positive"],
    ["check", "INSERT INTO days VALUES ('2026-01-01')", "23514", ""],
    ["poison", "INSERT INTO things VALUES (NULL, 1)", "23502", ""],
    ["poison", "SELECT 'x'::int", "22P02", ""],
    ["poison", "SELECT 1 / 0", "22012", ""],
    ["transient", "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", "40P01", ""],
    ["timeout", "DO $$ BEGIN RAISE SQLSTATE '57014'; END $$", "57014", ""],
    ["bug", "SELECT nonsense", "42703", ""],
  ])("says %s for %s, and goes on", async (kind, text, sqlState, constraint) => {
    const connection = open(database.url, prepare);
    const pid = await pidOf(connection);
    const error = await failureOf(connection.query(text));
    expect({ kind: error.kind, sqlState: error.sqlState, constraint: error.constraint }).toEqual({
      kind,
      sqlState,
      constraint,
    });
    expect(await pidOf(connection)).toBe(pid);
  });

  it("refuses a NUL in a text as poison", async () => {
    const connection = open(database.url, prepare);
    const error = await failureOf(connection.query("SELECT $1::text", ["a\0b"]));
    expect(error).toMatchObject({ kind: "poison", sqlState: "22021" });
  });
});

it("answers statements that report no count", async () => {
  const connection = open();
  const [shown] = await connection.query<{ synchronous_commit: string }>("SHOW synchronous_commit");
  expect(shown).toEqual({ synchronous_commit: "on" });
  expect((await connection.query("EXPLAIN SELECT 1")).length).toBeGreaterThan(0);
});

it("runs several statements at once, and none of them when one fails", async () => {
  const connection = open();
  const error = await failureOf(
    connection.run("INSERT INTO things VALUES (50, 1); INSERT INTO things VALUES (51, -1)"),
  );
  expect(error.kind).toBe("check");
  expect(await connection.query("SELECT id FROM things WHERE id >= 50")).toEqual([]);
});

it("plans a statement once, and by an index, however empty its table was then", async () => {
  await observer.run("CREATE TABLE filled (id int PRIMARY KEY) WITH (autovacuum_enabled = off)");
  await observer.run("VACUUM ANALYZE filled");
  const connection = open();
  const find = () => connection.query("SELECT id FROM filled WHERE id = $1", [7]);
  expect(await find()).toEqual([]);
  await observer.run("INSERT INTO filled SELECT generate_series(1, 20000)");
  for (let i = 0; i < 9; i++) expect(await find()).toEqual([{ id: 7 }]);
  const planned = await connection.query(
    "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%FROM filled%'",
  );
  expect(planned).toEqual([{ generic_plans: "10", custom_plans: "0" }]);
  await connection.query("SELECT pg_stat_force_next_flush()");
  const [read] = await observer.query<{ rows: string }>(
    "SELECT seq_tup_read AS rows FROM pg_stat_user_tables WHERE relname = 'filled'",
  );
  expect(read).toEqual({ rows: "0" });
});

it("sets startup parameters, and none without prepare", async () => {
  const text =
    "SELECT current_setting('statement_timeout') AS timeout, current_setting('lock_timeout') AS locks, current_setting('jit') AS jit";
  const settings = { lock_timeout: "1234" };
  await using ours = new Connection({ url: database.url, prepare: true, settings });
  expect(await ours.query(text)).toEqual([{ timeout: "35s", locks: "1234ms", jit: "off" }]);
  await using plain = new Connection({ url: database.url, prepare: false, settings });
  expect(await plain.query(text)).toMatchObject([{ timeout: "0", locks: "0" }]);
});

it("gives up at the deadline on both sides, and the next statement works on a new connection", async () => {
  const connection = open();
  const pid = await pidOf(connection);
  const slow = slowStatement();
  const late = connection.query(slow.text, [], { deadlineAt: Date.now() + 200 });
  expect(await failureOf(late)).toMatchObject({ kind: "timeout", sqlState: "" });
  expect(await pidOf(connection)).not.toBe(pid);
  // Long before the statement would end by itself, and before the test's own limit.
  await until(async () => !(await slow.runs()));
});

it("does not send a statement whose deadline has passed", async () => {
  const connection = open();
  const error = await failureOf(
    connection.query("INSERT INTO things VALUES (60, 1)", [], { deadlineAt: Date.now() - 1 }),
  );
  expect(error.kind).toBe("timeout");
  expect(await connection.query("SELECT id FROM things WHERE id = 60")).toEqual([]);
});

it("survives a backend that is killed in the middle of a statement", async () => {
  const connection = open();
  const pid = await pidOf(connection);
  const slow = slowStatement();
  const killed = failureOf(connection.query(slow.text));
  await until(slow.runs);
  await observer.query("SELECT pg_terminate_backend($1::int)", [pid]);
  expect((await killed).kind).toBe("transient");
  expect(await pidOf(connection)).not.toBe(pid);
});

it("survives a backend that is killed between statements", async () => {
  const connection = open();
  for (let i = 0; i < 5; i++) {
    const pid = await pidOf(connection);
    await observer.query("SELECT pg_terminate_backend($1::int, 5000)", [pid]);
    // The statement may be sent before the news of the end arrives.
    const next = await withRetries(() => pidOf(connection), {
      deadlineAt: Infinity,
      random: () => 0,
    });
    expect(next).not.toBe(pid);
  }
});

it("ends its backend when it is disposed, and answers no statement afterwards", async () => {
  const connection = open();
  const pid = await pidOf(connection);
  await connection[Symbol.asyncDispose]();
  await until(async () => (await countBackends(`pid = ${pid}`)) === 0);
  expect((await failureOf(connection.query("SELECT 1"))).kind).toBe("transient");
});

it("fails the statement under way when it is disposed", async () => {
  const connection = open();
  const slow = slowStatement();
  const failed = failureOf(connection.query(slow.text));
  await until(slow.runs);
  await connection[Symbol.asyncDispose]();
  expect((await failed).kind).toBe("transient");
});

it("fails fast where nobody listens", async () => {
  const proxy = await startTcpProxy({ host: "127.0.0.1", port: 1 });
  await proxy[Symbol.asyncDispose]();
  expect((await failureOf(open(proxy.through(database.url)).query("SELECT 1"))).kind).toBe(
    "transient",
  );
});
