import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import type { DbError } from "../../src/db/errors.js";
import { Pool } from "../../src/db/pool.js";
import type { Queryable } from "../../src/db/queryable.js";
import type { PartRow } from "../../src/db/run-parts.js";
import { deleteRun, RUN_TEXTS, type RunFacts, type RunText, readRun } from "../../src/db/runs.js";
import { createRunDirectory, type RunDirectory } from "../../src/ingest/run-directory.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

let database: TestDatabase;
let db: Pool;
let project: string;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Pool({ url: database.url, prepare: true, size: 6 });
  project = await newProject();
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

let runId: string;
beforeEach(() => {
  runId = randomBytes(8).toString("hex");
});

async function newProject(): Promise<string> {
  const id = randomBytes(8).toString("hex");
  const [stored] = await db.query<{ project_key: string }>(
    `WITH organization AS (
      INSERT INTO organizations (organization_id, name) VALUES ($1, $1) RETURNING organization_key
    )
    INSERT INTO projects (project_id, organization_key, name)
    SELECT $1, organization_key, $1 FROM organization RETURNING project_key`,
    [id],
  );
  return stored?.project_key ?? "";
}

const drawKey = () => (randomBytes(8).readBigUInt64BE() >> 1n).toString();
const NO_TEXTS = Object.fromEntries(RUN_TEXTS.map((column) => [column, ""])) as Record<
  RunText,
  string
>;
interface FactChange extends Partial<Omit<RunFacts, "texts">> {
  readonly texts?: Partial<Record<RunText, string>>;
}
const facts = ({ texts, ...change }: FactChange = {}): RunFacts => ({
  texts: { ...NO_TEXTS, ...texts },
  dirty: false,
  labels: {},
  startUs: 1_772_600_000_123_457,
  startGiven: false,
  ...change,
});
const part = (job = "", change: Partial<PartRow> = {}): PartRow => ({
  partId: createHash("sha256").update(job).digest().subarray(0, 16),
  job,
  attempt: 1,
  shardIndex: 0,
  shardTotal: 0,
  producer: "",
  streamed: false,
  ...change,
});
const retry = () => ({ deadlineAt: Date.now() + 30_000, random: () => 0 });

/** Opens the run of the test, with the fields in conflict by name; throws where it is a closed door. */
async function open(directory: RunDirectory, given = facts(), from = part()) {
  const opened = await directory.open(project, runId, given, from, retry());
  if (typeof opened === "string") throw new Error(opened);
  return { ...opened, conflicts: opened.conflicts.map(({ field }) => field) };
}
const newDirectory = () => createRunDirectory(db, drawKey);
/** A directory, and how many statements it has sent. */
function countingDirectory() {
  let count = 0;
  const counting: Queryable = {
    query: (...args) => {
      count++;
      return db.query(...args);
    },
  };
  return { directory: createRunDirectory(counting, drawKey), statements: () => count };
}
const stored = () => readRun(db, project, runId, Infinity);

async function parts() {
  return db.query<{ job: string; shard_total: number; streamed: boolean }>(
    `SELECT p.job, p.shard_total, p.streamed FROM run_parts p JOIN runs r USING (project_key, run_key)
    WHERE project_key = $1 AND run_id = $2 ORDER BY job`,
    [project, runId],
  );
}

describe("opening at the same moment", () => {
  it("stores one run, tells one opener that it is new, and keeps the part of each", async () => {
    const directories = [newDirectory(), newDirectory()];
    for (let round = 0; round < 10; round++) {
      runId = `round ${round} ${randomBytes(4).toString("hex")}`;
      const openers = Array.from({ length: 8 }, (_, i) => `job ${i}`);
      const opened = await Promise.all(
        directories.flatMap((directory) =>
          openers.map((job) => open(directory, facts(), part(job))),
        ),
      );
      expect(opened.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(opened.map(({ runKey }) => runKey)).size).toBe(1);
      expect(opened.flatMap(({ conflicts }) => conflicts)).toEqual([]);
      expect((await parts()).map(({ job }) => job)).toEqual(openers);
      // The run came with the part of its first opener.
      expect(opened.filter(({ unsettled }) => unsettled)).toHaveLength(openers.length - 1);
    }
  });

  it("keeps each fact of one opener, and names it to those who say otherwise", async () => {
    const branches = ["a", "b", "c", "d"];
    const opened = await Promise.all(
      branches.map((branch) =>
        open(newDirectory(), facts({ texts: { branch }, labels: { [branch]: "1", all: branch } })),
      ),
    );
    const run = await stored();
    opened.forEach(({ conflicts }, i) => {
      const expected = [];
      if (run?.texts.branch !== branches[i]) expected.push("source.branch");
      if (run?.labels["all"] !== branches[i]) expected.push('labels["all"]');
      expect(conflicts).toEqual(expected);
    });
    expect(Object.keys(run?.labels ?? {}).sort()).toEqual(["a", "all", "b", "c", "d"]);
  });
});

describe("opening again", () => {
  it("fills what is absent, adds labels, and names what differs", async () => {
    const directory = newDirectory();
    const first = { texts: { branch: "main" }, labels: { os: "linux" } };
    expect(await open(directory, facts(first))).toMatchObject({ duplicate: false, conflicts: [] });
    const second = facts({
      texts: { branch: "topic", commit_sha: "c0ffee", ci_build_id: "7" },
      labels: { os: "mac", node: "20" },
      dirty: true,
    });
    for (const each of [directory, newDirectory()]) {
      const opened = await open(each, second);
      expect(opened).toMatchObject({
        duplicate: true,
        conflicts: ["source.branch", 'labels["os"]'],
      });
    }
    expect(await stored()).toMatchObject({
      texts: { branch: "main", commit_sha: "c0ffee", ci_build_id: "7" },
      labels: { os: "linux", node: "20" },
      dirty: true,
    });
  });

  it("finds no conflict in what is absent or equal", async () => {
    const whole = facts({
      texts: Object.fromEntries(RUN_TEXTS.map((column) => [column, `of ${column}`])),
      labels: { constructor: "a", "": "b" },
      dirty: true,
      startGiven: true,
    });
    await open(newDirectory(), whole);
    for (const again of [whole, facts(), facts({ labels: { constructor: "a" } })]) {
      expect((await open(newDirectory(), again)).conflicts).toEqual([]);
    }
    expect((await open(newDirectory(), facts({ labels: { constructor: "x" } }))).conflicts).toEqual(
      ['labels["constructor"]'],
    );
    expect(await stored()).toMatchObject(whole);
  });

  it.each(RUN_TEXTS.map((column) => [column]))("names another %s", async (column) => {
    await open(newDirectory(), facts({ texts: { [column]: "first" } }));
    const opened = await open(newDirectory(), facts({ texts: { [column]: "second" } }));
    expect(opened.conflicts).toEqual([
      expect.stringMatching(new RegExp(`${column.replace(/^ci_/, "")}$`)),
    ]);
    expect((await stored())?.texts[column]).toBe("first");
  });

  it("keeps the earliest derived start, until one is given; then that one", async () => {
    const [one, two] = [newDirectory(), newDirectory()];
    const at = (startUs: number, startGiven = false) => facts({ startUs, startGiven });
    const startAfter = async (directory: RunDirectory, given: RunFacts) => {
      const { conflicts } = await open(directory, given);
      return [(await stored())?.startUs, conflicts];
    };
    expect(await startAfter(one, at(500))).toEqual([500, []]);
    expect(await startAfter(two, at(400))).toEqual([400, []]);
    expect(await startAfter(one, at(450))).toEqual([400, []]);
    expect(await startAfter(one, at(600, true))).toEqual([600, []]);
    // The other server still remembers a derived start.
    expect(await startAfter(two, at(700, true))).toEqual([600, ["start_time"]]);
    expect(await startAfter(two, at(1))).toEqual([600, []]);
  });

  it("asks the database nothing that it remembers", async () => {
    const { directory, statements } = countingDirectory();
    const given = facts({ texts: { branch: "main" }, labels: { os: "linux" } });
    const first = await open(directory, given);
    expect(statements()).toBe(1);
    const again = await open(directory, given);
    expect(again).toEqual({ ...first, duplicate: true });
    expect(statements()).toBe(1);
  });

  it("takes labels by the order of their keys' bytes while there is room, and asks no more of a full run", async () => {
    const { directory, statements } = countingDirectory();
    const some = Array.from({ length: 62 }, (_, i) => [`key ${i}`, "1"]);
    await open(directory, facts({ labels: Object.fromEntries(some) }));
    const more = facts({ labels: { é: "1", a: "1", "key 0": "2", Z: "1" } });
    const opened = await open(directory, more);
    expect(opened.conflicts).toEqual(['labels["é"]', 'labels["key 0"]']);
    expect(Object.keys((await stored())?.labels ?? {})).toHaveLength(64);
    const asked = statements();
    expect(await open(directory, more)).toEqual(opened);
    expect(await open(directory, facts({ labels: { constructor: "1" } }))).toMatchObject({
      conflicts: ['labels["constructor"]'],
    });
    expect(statements()).toBe(asked);
  });
});

describe("parts", () => {
  it("are added once, whoever sends them, and unsettle the run when they are new", async () => {
    const [one, two] = [newDirectory(), newDirectory()];
    expect((await open(one)).unsettled).toBe(false);
    expect((await open(two, facts(), part("second"))).unsettled).toBe(true);
    expect((await open(one, facts(), part("second"))).unsettled).toBe(false);
    expect((await open(two, facts(), part("second"))).unsettled).toBe(false);
    expect((await parts()).map(({ job }) => job)).toEqual(["", "second"]);
  });

  it("keep their first shard total; another one is a conflict", async () => {
    await open(newDirectory(), facts(), part("", { shardIndex: 1, shardTotal: 2 }));
    const directory = newDirectory();
    for (let time = 0; time < 2; time++) {
      const opened = await open(directory, facts(), part("", { shardIndex: 1, shardTotal: 3 }));
      expect(opened.conflicts).toEqual(["part.shard_total"]);
    }
    expect(await parts()).toEqual([{ job: "", shard_total: 2, streamed: false }]);
  });

  it("stay streamed once a stream has opened them", async () => {
    const directory = newDirectory();
    await open(directory);
    expect((await open(directory, facts(), part("", { streamed: true }))).unsettled).toBe(true);
    expect((await open(directory)).unsettled).toBe(false);
    expect((await open(newDirectory())).unsettled).toBe(false);
    expect(await parts()).toMatchObject([{ streamed: true }]);
  });
});

describe("a lost connection", () => {
  it("does not make a run a duplicate whose COMMIT was not heard of", async () => {
    const { hostname, port } = new URL(database.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    await using lane = new Connection({ url: proxy.through(database.url), prepare: true });
    const directory = createRunDirectory(lane, drawKey);
    await directory.open(project, `${runId} warm`, facts(), part(), retry());
    const retries: DbError[] = [];
    const listening = { ...retry(), onRetry: (error: DbError) => retries.push(error) };
    proxy.cutAfter("toClient", 0, "rst");
    const given = facts({ texts: { branch: "main" }, labels: { os: "linux" } });
    const opened = await directory.open(project, runId, given, part("job"), listening);
    expect(retries).toHaveLength(1);
    expect(opened).toMatchObject({ duplicate: false, conflicts: [], unsettled: false });
    expect((await parts()).map(({ job }) => job)).toEqual(["job"]);
    // It had committed: the statement that was sent again met its own run.
    expect((await open(newDirectory(), given, part("job"))).duplicate).toBe(true);
    expect((await open(directory, given, part("job"))).duplicate).toBe(true);
  });

  it("stores a run whose statement never arrived", async () => {
    const { hostname, port } = new URL(database.url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    await using lane = new Connection({ url: proxy.through(database.url), prepare: true });
    const directory = createRunDirectory(lane, drawKey);
    await directory.open(project, `${runId} warm`, facts(), part(), retry());
    proxy.cutAfter("toServer", 20, "rst");
    expect(await open(directory)).toMatchObject({ duplicate: false, conflicts: [] });
    expect(await parts()).toHaveLength(1);
  });
});

describe("a closed door", () => {
  const door = (directory: RunDirectory, given = facts(), from = part()) =>
    directory.open(project, runId, given, from, retry());

  it("answers a deleted run: to who never saw it, and to who has been told to forget it", async () => {
    const [one, two] = [newDirectory(), newDirectory()];
    await open(one);
    expect(await deleteRun(db, project, runId, Infinity)).toBe(true);
    expect(await door(two)).toBe("deleted");
    one.forget(project, runId);
    expect(await door(one)).toBe("deleted");
  });

  it("answers a deleted run to who remembers it, as soon as it has something to add", async () => {
    const directory = newDirectory();
    await open(directory);
    await deleteRun(db, project, runId, Infinity);
    expect(await door(directory, facts({ texts: { branch: "late" } }))).toBe("deleted");
    expect(await door(directory)).toBe("deleted");
    expect((await stored())?.texts.branch).toBe("");
  });

  it.each([
    ["deleted", "UPDATE runs SET deleted_at = now() WHERE run_id = $1"],
    ["expired", "UPDATE runs SET expired_at = now() WHERE run_id = $1"],
    ["deleted", "UPDATE runs SET deleted_at = now(), expired_at = now() WHERE run_id = $1"],
  ])(
    "answers a run that is %s to who remembers it, as soon as it has a new part",
    async (answer, end) => {
      const directory = newDirectory();
      await open(directory);
      await db.query(end, [runId]);
      expect(await door(directory, facts(), part("late"))).toBe(answer);
      expect(await door(directory)).toBe(answer);
      expect((await parts()).map(({ job }) => job)).toEqual([""]);
      const [run] = await db.query("SELECT unsettled_at FROM runs WHERE run_id = $1", [runId]);
      expect(run).toEqual({ unsettled_at: null });
    },
  );

  it("answers an expired run", async () => {
    await open(newDirectory());
    await db.query("UPDATE runs SET expired_at = now() WHERE run_id = $1", [runId]);
    expect(await door(newDirectory())).toBe("expired");
  });

  it("answers a project that is gone, for new runs and for known ones", async () => {
    const gone = await newProject();
    await newDirectory().open(gone, runId, facts(), part(), retry());
    await db.query("UPDATE projects SET deleted_at = now() WHERE project_key = $1", [gone]);
    for (const id of [runId, `${runId} new`]) {
      const answer = await newDirectory().open(gone, id, facts(), part(), retry());
      expect(answer).toBe("project-gone");
    }
    const runs = await db.query("SELECT FROM runs WHERE project_key = $1", [gone]);
    expect(runs).toHaveLength(1);
  });

  it("keeps equal run ids of two projects apart", async () => {
    const other = await newProject();
    const directory = newDirectory();
    const mine = await open(directory, facts({ texts: { branch: "a" } }));
    const theirs = await directory.open(
      other,
      runId,
      facts({ texts: { branch: "b" } }),
      part(),
      retry(),
    );
    expect(theirs).toMatchObject({ duplicate: false, conflicts: [] });
    expect(theirs).not.toMatchObject({ runKey: mine.runKey });
  });
});
