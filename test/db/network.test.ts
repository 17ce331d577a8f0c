import { createServer } from "node:net";
import fc from "fast-check";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { Connection } from "../../src/db/client.js";
import { DbError } from "../../src/db/errors.js";
import { withRetries } from "../../src/db/retry.js";
import { createEmptyDatabase, type TestDatabase } from "../support/database.js";
import type { TcpProxy } from "../support/tcp-proxy.js";
import { failureOf, pidOf, proxyOf, until } from "./support.js";

let database: TestDatabase;
let proxy: TcpProxy;
/** Never breaks: it looks at the server from outside. */
let observer: Connection;
/** Sockets of this process when no test runs. */
let idleSockets: number;

beforeAll(async () => {
  database = await createEmptyDatabase();
  proxy = await proxyOf(database.url);
  observer = new Connection({ url: database.url, prepare: false });
  await observer.run("CREATE TABLE things (key int, id int, PRIMARY KEY (key, id))");
  idleSockets = countSockets();
});
// What a test opens it leaves behind neither here nor in the proxy.
beforeEach(() => until(() => countSockets() === idleSockets));
afterEach(() => {
  proxy.setBlackhole(false);
  proxy.setDelay(0);
  disarm();
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await observer[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** A connection through the proxy. */
function open(prepare = true): Connection {
  const connection = new Connection({ url: proxy.through(database.url), prepare });
  onTestFinished(() => connection[Symbol.asyncDispose]());
  return connection;
}

/** Takes back a cut that did not happen. */
function disarm(): void {
  proxy.cutAfter("toServer", Infinity, "rst");
}

/** Whether the server runs that statement. */
async function runs(text: string): Promise<boolean> {
  const rows = await observer.query(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = $1 AND state = 'active'",
    [text],
  );
  return rows.length > 0;
}

/** Sockets of this process: one a connection, and two of the proxy's. */
function countSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

const retries = { deadlineAt: Infinity, random: () => 0 };

describe.each(["fin", "rst"] as const)("a %s", (how) => {
  it("between statements is noticed: the next one works, on a new connection", async () => {
    const connection = open();
    const pid = await pidOf(connection);
    proxy.cut(how);
    await until(() => countSockets() === idleSockets);
    expect(await pidOf(connection)).not.toBe(pid);
  });

  it("while an answer is awaited is transient", async () => {
    const connection = open();
    const text = `SELECT pg_sleep(30) AS ${how}`;
    const cut = failureOf(connection.query(text));
    await until(() => runs(text));
    proxy.cut(how);
    expect((await cut).kind).toBe("transient");
    expect(await pidOf(connection)).toBeGreaterThan(0);
  });

  it("at any byte of a query, a result or a handshake costs one statement, and no other", async () => {
    const lasting = open();
    let key = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("toServer" as const, "toClient" as const),
        // Small ones cut the handshake or the first message, large ones a long parameter or many rows.
        fc.oneof(fc.nat(40), fc.nat(900), fc.nat(120_000)),
        fc.constantFrom(...statements),
        fc.boolean(),
        async (direction, bytes, { send, check }, isNew) => {
          key += 1;
          await using own = new Connection({ url: proxy.through(database.url), prepare: true });
          const connection = isNew ? own : lasting;
          proxy.cutAfter(direction, bytes, how);
          const startedAt = performance.now();
          try {
            check(await send(connection, key, Date.now() + DEADLINE_MS));
          } catch (error) {
            if (!(error instanceof DbError)) throw error;
            expect(error.kind).toBe("transient");
          }
          expect(performance.now() - startedAt).toBeLessThan(DEADLINE_MS);
          disarm();
          // What the driver makes of a lost connection must not reach the statements that follow.
          for (const next of statements) next.check(await next.send(connection, key, Infinity));
          const stored = await observer.query("SELECT id FROM things WHERE key = $1", [key]);
          expect(stored).toHaveLength(ROWS);
        },
      ),
      { numRuns: 120, endOnFailure: true },
    );
  });

  it("never leaves a cut result to be taken for a whole one", async () => {
    const connection = open();
    const { send, check } = long;
    check(await send(connection, 0, Infinity));
    for (const direction of ["toServer", "toClient"] as const) {
      for (const bytes of [0, 1, 7, 1500, 100_000]) {
        proxy.cutAfter(direction, bytes, how);
        expect((await failureOf(send(connection, 0, Infinity))).kind).toBe("transient");
        check(await withRetries(() => send(connection, 0, Infinity), retries));
      }
    }
  });
});

const DEADLINE_MS = 10_000;
const ROWS = 300;
const IDS = Array.from({ length: ROWS }, (_, i) => i + 1);
const LONG = "y".repeat(150_000);

interface Statement {
  send(connection: Connection, key: number, deadlineAt: number): Promise<unknown[]>;
  /** Throws unless these are exactly the statement's own rows. */
  check(rows: unknown[]): void;
}

const INSERT = `INSERT INTO things SELECT $1, n FROM generate_series(1, ${ROWS}) AS n
  ON CONFLICT DO NOTHING`;
const insert: Statement = {
  send: (connection, key, deadlineAt) => connection.query(INSERT, [key], { deadlineAt }),
  check: (rows) => expect(rows).toEqual([]),
};
const insertAndTell: Statement = {
  send: (connection, key, deadlineAt) =>
    connection.query(
      `WITH inserted AS (${INSERT})
      SELECT n AS id FROM generate_series(1, ${ROWS}) AS n WHERE $1 = $1`,
      [key],
      { deadlineAt },
    ),
  check: (rows) => expect(rows).toEqual(IDS.map((id) => ({ id }))),
};
/** Sends much and receives much. */
const long: Statement = {
  send: (connection, _, deadlineAt) =>
    connection.query(
      `SELECT (SELECT length($1::text)) AS sent, repeat('x', 500) AS filler, n
      FROM generate_series(1, ${ROWS}) AS n`,
      [LONG],
      { deadlineAt },
    ),
  check: (rows) =>
    expect(rows).toEqual(IDS.map((n) => ({ sent: LONG.length, filler: "x".repeat(500), n }))),
};
const short: Statement = {
  send: (connection, _, deadlineAt) => connection.query("SELECT 'a' AS short", [], { deadlineAt }),
  check: (rows) => expect(rows).toEqual([{ short: "a" }]),
};
const statements = [insert, insertAndTell, long, short];

describe("silence", () => {
  it.each([
    ["before the answer", "SELECT pg_sleep(1), 1 AS silent"],
    // More than what the server keeps before it sends: the first rows have come.
    [
      "in the middle of the rows",
      `SELECT n, repeat('x', 100) AS filler, CASE n WHEN 5000 THEN pg_sleep(1) END AS silent
      FROM generate_series(1, 9000) AS n`,
    ],
  ])("%s ends at the deadline, and what comes late reaches nobody", async (_, text) => {
    const connection = open();
    const pid = await pidOf(connection);
    const startedAt = performance.now();
    const late = failureOf(connection.query(text, [], { deadlineAt: Date.now() + 600 }));
    await until(() => runs(text));
    proxy.setBlackhole(true);
    expect(await late).toMatchObject({ kind: "timeout", sqlState: "" });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    proxy.setBlackhole(false);
    expect(await connection.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(await pidOf(connection)).not.toBe(pid);
    await until(async () => !(await runs(text)));
    expect(await connection.query("SELECT 2 AS two")).toEqual([{ two: 2 }]);
  });

  it("from the first byte of the query on ends at the deadline", async () => {
    const connection = open();
    await pidOf(connection);
    proxy.setBlackhole(true);
    const options = { deadlineAt: Date.now() + 150 };
    expect((await failureOf(connection.query("SELECT 1", [], options))).kind).toBe("timeout");
    proxy.setBlackhole(false);
    expect(await connection.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("while connecting leaves no connection behind", async () => {
    proxy.setBlackhole(true);
    const connection = open();
    // Whether the driver would connect once more is a race inside it: several tries meet it.
    const attempts = 10;
    const accepted = proxy.acceptedCount;
    for (let i = 0; i < attempts; i++) {
      const options = { deadlineAt: Date.now() + 60 };
      expect((await failureOf(connection.query("SELECT 1", [], options))).kind).toBe("timeout");
    }
    proxy.setBlackhole(false);
    await until(() => proxy.openCount === 0);
    // Longer than the driver's pause before it connects again.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(proxy.openCount).toBe(0);
    expect(proxy.acceptedCount - accepted).toBe(attempts);
  });

  it("on a line that stays dead leaves no socket behind", async () => {
    const connection = open();
    await pidOf(connection);
    const before = countSockets();
    proxy.setBlackhole(true);
    const options = { deadlineAt: Date.now() + 100 };
    expect((await failureOf(connection.query("SELECT 1", [], options))).kind).toBe("timeout");
    // Ours alone: the proxy holds its two as long as the line is dead.
    await until(() => countSockets() === before - 1);
  });
});

it("opens nothing when it is disposed before it connects", async () => {
  const accepted = proxy.acceptedCount;
  const connection = open();
  const failed = failureOf(connection.query("SELECT 1"));
  await connection[Symbol.asyncDispose]();
  expect((await failed).kind).toBe("transient");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect([proxy.openCount, proxy.acceptedCount - accepted]).toEqual([0, 0]);
});

it("answers all the same over a slow line", async () => {
  const connection = open();
  await pidOf(connection);
  proxy.setDelay(40);
  const startedAt = performance.now();
  expect(await connection.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  // There and back at least once: the proxy does delay.
  expect(performance.now() - startedAt).toBeGreaterThan(78);
});

it("takes the rows of a statement that fails half-way for no other's", async () => {
  const connection = open();
  const pid = await pidOf(connection);
  const failing = connection.query("SELECT 1 / (300 - n) FROM generate_series(1, 400) AS n");
  expect(await failureOf(failing)).toMatchObject({ kind: "poison", sqlState: "22012" });
  expect(await connection.query("SELECT n FROM generate_series(1, 3) AS n")).toEqual([
    { n: 1 },
    { n: 2 },
    { n: 3 },
  ]);
  expect(await pidOf(connection)).toBe(pid);
});

describe("a peer that is no database", () => {
  /** The url of a server that treats each connection so. */
  async function listen(serve: Parameters<typeof createServer>[1]): Promise<string> {
    const server = createServer(serve);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.close();
    });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : "";
    return `postgres://user:password@127.0.0.1:${port}/none`;
  }

  it("and hangs up at once is called once for each statement, which fails at once", async () => {
    let calls = 0;
    const url = await listen((socket) => {
      calls += 1;
      socket
        .on("error", () => {})
        .resume()
        .end();
    });
    await using connection = new Connection({ url, prepare: true });
    for (let i = 1; i <= 3; i++) {
      expect((await failureOf(connection.query("SELECT 1"))).kind).toBe("transient");
      expect(calls).toBe(i);
    }
  });

  it("and loses rows is not believed", async () => {
    const url = await listen((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(Buffer.concat([AUTHENTICATED, READY]));
        socket.on("data", () => socket.write(Buffer.concat([COLUMN, ROW, ROW, COMPLETE, READY])));
      });
    });
    await using connection = new Connection({ url, prepare: true });
    const error = await failureOf(connection.query("SELECT n FROM numbers"));
    expect(error).toMatchObject({ kind: "transient", message: "the result is not whole" });
  });
});

/** A message of the protocol, as the server sends it. */
function message(type: string, ...parts: (string | number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const head = Buffer.alloc(5, type);
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const AUTHENTICATED = message("R", [0, 0, 0, 0]);
const READY = message("Z", "I");
const COLUMN = message(
  "T",
  [0, 1],
  "n\0",
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255],
  [0, 0, 0, 0, 0, 0],
);
const ROW = message("D", [0, 1, 0, 0, 0, 1], "7");
const COMPLETE = message("C", "SELECT 3\0");
