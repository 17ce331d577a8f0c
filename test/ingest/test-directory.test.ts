import { setImmediate as nextTurn } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TestSchema } from "../../gen/tally/v1/run_pb.js";
import { Connection } from "../../src/db/client.js";
import { Pool } from "../../src/db/pool.js";
import type { Queryable } from "../../src/db/queryable.js";
import { resolveTests, type TestRow } from "../../src/db/tests.js";
import { testId } from "../../src/ingest/identity.js";
import { createTestDirectory } from "../../src/ingest/test-directory.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

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

/** Without tests, for each test. */
let project: string;
let lastProject = 0;
beforeEach(() => {
  project = String(++lastProject);
});

const test = (name: string, change: Omit<MessageInitShape<typeof TestSchema>, "$typeName"> = {}) =>
  create(TestSchema, { name, ...change });
const tests = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => test(`test ${from + i}`));
const row = (name: string): TestRow => ({
  testId: testId(test(name)),
  suite: "",
  file: "",
  name,
  parameters: "",
  variant: "{}",
});
const retry = () => ({ deadlineAt: Date.now() + 30_000, random: () => 0 });

/** How many tests the project has, by its rows and by its count. */
async function count() {
  const [found] = await db.query(
    `SELECT
      (SELECT count(*)::int FROM tests WHERE project_key = $1) AS stored,
      (SELECT test_count::int FROM test_counts WHERE project_key = $1) AS counted`,
    [project],
  );
  return found;
}

/** A queryable that counts its statements. */
function counting(): Queryable & { readonly sent: () => number } {
  let sent = 0;
  return {
    sent: () => sent,
    query: (...args) => {
      sent++;
      return db.query(...args);
    },
  };
}

describe("the directory of tests", () => {
  it("gives equal keys to all who bring the same new tests at the same moment", async () => {
    for (let round = 0; round < 5; round++) {
      project = String(++lastProject);
      const all = tests(120);
      const keys = await Promise.all(
        Array.from({ length: 6 }, (_, i) => {
          const own = i % 2 === 0 ? all : all.toReversed();
          return createTestDirectory(db).resolve(project, own, retry());
        }),
      );
      const [first] = keys;
      expect(first).not.toContain(null);
      expect(new Set(first).size).toBe(120);
      keys.forEach((each, i) => {
        expect(i % 2 === 0 ? each : each.toReversed()).toEqual(first);
      });
      expect(await count()).toEqual({ stored: 120, counted: 120 });
    }
  });

  it("stores a test with its texts, once, however often it stands in a batch", async () => {
    const whole = test("name", {
      suite: "suite",
      file: 'a "file" \\',
      parameters: "NULL",
      variant: { os: "linux", arch: "x64" },
    });
    const sameVariant = create(TestSchema, { ...whole, variant: { arch: "x64", os: "linux" } });
    const keys = await createTestDirectory(db).resolve(
      project,
      [whole, test("name"), sameVariant, whole],
      retry(),
    );
    expect(keys[2]).toBe(keys[0]);
    expect(keys[3]).toBe(keys[0]);
    expect(keys[1]).not.toBe(keys[0]);
    const [stored] = await db.query(
      "SELECT suite, file, name, parameters, variant, test_id FROM tests WHERE test_key = $1",
      [String(keys[0])],
    );
    expect(stored).toEqual({
      suite: "suite",
      file: 'a "file" \\',
      name: "name",
      parameters: "NULL",
      variant: { os: "linux", arch: "x64" },
      test_id: testId(whole),
    });
    expect(await count()).toEqual({ stored: 2, counted: 2 });
  });

  it("asks once for new tests that others bring while they are looked up", async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const asked: number[] = [];
    const directory = createTestDirectory({
      async query(text, params, options) {
        asked.push(asked.length);
        await opened;
        return db.query(text, params, options);
      },
    });
    const first = directory.resolve(project, tests(3), retry());
    await expect.poll(() => asked.length).toBe(1);
    const second = directory.resolve(project, tests(3), retry());
    open();
    expect(await second).toEqual(await first);
    expect(asked).toHaveLength(1);
  });

  it("lets the event loop turn between steps while many callers hear of thousands of new tests", async () => {
    const [callers, many] = [8, 3_000];
    let counting = false;
    let turns = 0;
    const tick = () => {
      if (!counting) return;
      turns++;
      setImmediate(tick);
    };
    const directory = createTestDirectory({
      async query<Row extends object>(...args: Parameters<Queryable["query"]>) {
        const rows = await db.query<Row>(...args);
        // By then all have found that somebody asks.
        for (let turn = 0; turn < callers * many; turn += 100) await nextTurn();
        counting = true;
        setImmediate(tick);
        return rows;
      },
    });
    const own = Array.from({ length: callers }, () => tests(many));
    const keys = await Promise.all(own.map((each) => directory.resolve(project, each, retry())));
    counting = false;
    expect(new Set(keys.flat()).size).toBe(many);
    expect(turns).toBeGreaterThanOrEqual((callers * many) / 1_000);
  });

  it("asks anew for those whose first look-up failed for another caller", async () => {
    let fail = (_: Error) => {};
    const failing = new Promise<never>((_, reject) => {
      fail = reject;
    });
    let sent = 0;
    const directory = createTestDirectory({
      query: (...args) => (sent++ === 0 ? failing : db.query(...args)),
    });
    const first = directory.resolve(project, tests(3), retry());
    const refused = expect(first).rejects.toThrow("gone");
    await expect.poll(() => sent).toBe(1);
    const second = directory.resolve(project, tests(3), retry());
    fail(new Error("gone"));
    await refused;
    expect(await second).toHaveLength(3);
    expect(await count()).toEqual({ stored: 3, counted: 3 });
  });

  it("finds tests that the database cannot store by halving, and stores their neighbours", async () => {
    await db.query("ALTER TABLE tests ADD CONSTRAINT no_poison CHECK (name <> 'poison')");
    try {
      const counted = counting();
      const directory = createTestDirectory(counted);
      const outcomes = await Promise.all([
        directory.resolve(project, tests(100), retry()),
        directory.resolve(project, [test("a"), test("poison"), test("b")], retry()),
      ]);
      const key = expect.stringMatching(/^\d+$/);
      expect(outcomes).toEqual([
        Array.from({ length: 100 }, () => key),
        [key, { reason: expect.stringContaining("no_poison") }, key],
      ]);
      expect(counted.sent()).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(103)));
      expect(await count()).toEqual({ stored: 102, counted: 102 });
    } finally {
      await db.query("ALTER TABLE tests DROP CONSTRAINT no_poison");
    }
  });

  it("gives the tests of two projects keys of their own", async () => {
    const directory = createTestDirectory(db);
    const other = String(++lastProject);
    const [mine] = await directory.resolve(project, tests(1), retry());
    const [theirs] = await directory.resolve(other, tests(1), retry());
    expect(mine).not.toBe(theirs);
  });

  it("asks for what it has not seen, and for nothing else", async () => {
    const counted = counting();
    const directory = createTestDirectory(counted);
    const first = await directory.resolve(project, tests(3), retry());
    expect(counted.sent()).toBe(1);
    expect(await directory.resolve(project, tests(3), retry())).toEqual(first);
    expect(counted.sent()).toBe(1);
    expect((await directory.resolve(project, tests(4), retry())).slice(0, 3)).toEqual(first);
    expect(counted.sent()).toBe(2);
    expect(await directory.resolve(project, [], retry())).toEqual([]);
    expect(counted.sent()).toBe(2);
  });

  it("asks for many callers together, and gives each its own keys", async () => {
    const counted = counting();
    const directory = createTestDirectory(counted);
    const keys = await Promise.all(
      Array.from({ length: 50 }, (_, i) => directory.resolve(project, tests(3, i), retry())),
    );
    expect(counted.sent()).toBe(1);
    const all = await createTestDirectory(db).resolve(project, tests(52), retry());
    keys.forEach((each, i) => {
      expect(each).toEqual(all.slice(i, i + 3));
    });
    expect(await count()).toEqual({ stored: 52, counted: 52 });
  });

  it("gives one key though the answer to the COMMIT was lost", async () => {
    const { hostname, port } = new URL(database.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    await using lane = new Connection({ url: proxy.through(database.url), prepare: true });
    const directory = createTestDirectory(lane);
    await directory.resolve(project, tests(1), retry());
    let retries = 0;
    proxy.cutAfter("toClient", 0, "rst");
    const keys = await directory.resolve(project, tests(9), {
      ...retry(),
      onRetry: () => retries++,
    });
    expect(retries).toBe(1);
    expect(await createTestDirectory(db).resolve(project, tests(9), retry())).toEqual(keys);
    expect(await count()).toEqual({ stored: 9, counted: 9 });
  });

  it("tells every caller that the statement failed, and serves those who come after", async () => {
    const directory = createTestDirectory(db);
    await db.query("ALTER TABLE tests RENAME TO elsewhere");
    const callers = [1, 2, 3].map((n) => directory.resolve(project, tests(n), retry()));
    const heard = await Promise.allSettled(callers);
    await db.query("ALTER TABLE elsewhere RENAME TO tests");
    expect(heard.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(await directory.resolve(project, tests(3), retry())).not.toContain(null);
  });
});

describe("the bound of tests per project", () => {
  const resolve = (names: readonly string[], maxTests: number) =>
    resolveTests(db, project, names.map(row), maxTests, Infinity);

  it("is exact for one caller: known tests keep their keys, new ones beyond it get none", async () => {
    const known = await resolve(["a", "b"], 3);
    expect(known).not.toContain(null);
    const mixed = await resolve(["c", "a", "d", "e", "b"], 3);
    expect([mixed[1], mixed[4]]).toEqual(known);
    expect([mixed[0], mixed[2], mixed[3]].filter((key) => key !== null)).toHaveLength(1);
    expect(await count()).toEqual({ stored: 3, counted: 3 });
    expect(await resolve(["new", "a"], 3)).toEqual([null, known[0]]);
    expect(await count()).toEqual({ stored: 3, counted: 3 });
  });

  it("leaves known tests their keys when it is lowered, and takes new ones when it is raised", async () => {
    const known = await resolve(["a", "b", "c"], 10);
    expect(await resolve(["a", "b", "c", "d"], 1)).toEqual([...known, null]);
    expect(await resolve(["d"], 4)).not.toContain(null);
  });

  it("leaves other projects alone", async () => {
    await resolve(["a"], 1);
    const other = String(++lastProject);
    expect(await resolveTests(db, other, [row("b")], 1, Infinity)).not.toContain(null);
  });

  it("is asked for again: the directory does not remember that a project was full", async () => {
    await db.query("INSERT INTO test_counts VALUES ($1, 1000000000)", [project]);
    const directory = createTestDirectory(db);
    expect(await directory.resolve(project, tests(2), retry())).toEqual([null, null]);
    await db.query("DELETE FROM test_counts WHERE project_key = $1", [project]);
    expect(await directory.resolve(project, tests(2), retry())).not.toContain(null);
  });
});
