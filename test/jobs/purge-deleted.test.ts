import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { purgeRun } from "../../src/db/purge.js";
import type { Queryable } from "../../src/db/queryable.js";
import { insertResults } from "../../src/db/results.js";
import { ensureResultsPartition } from "../../src/db/results-partitions.js";
import { deleteRun, insertRun, mergeRun, RUN_TEXTS, type RunFacts } from "../../src/db/runs.js";
import { withSnapshot } from "../../src/db/snapshot.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { purgeDeleted } from "../../src/jobs/purge-deleted.js";
import { createLogger } from "../../src/log.js";
import { createComparison, type Difference } from "../../src/stats/recount/differences.js";
import { recountProject } from "../../src/stats/recount/recount-project.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

let database: TestDatabase;
let db: Connection;
let projectKey = "";
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
  await db.run("INSERT INTO organizations (organization_id, name) VALUES ('org', 'org')");
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  const [project] = await db.query<{ project_key: string }>(
    `INSERT INTO projects (project_id, organization_key, name)
    SELECT $1, organization_key, $1 FROM organizations
    RETURNING project_key`,
    [randomBytes(8).toString("hex")],
  );
  projectKey = project?.project_key ?? "";
});

const deps = (on: Queryable) => ({
  db: on,
  log: createLogger("warn"),
  now: Date.now,
  random: Math.random,
});
const fold = (on: Queryable = db) => foldResults(deps(on)).runOnce();
const purge = (on: Queryable = db) => purgeDeleted(deps(on)).runOnce();

const DAY_MS = 86_400_000;
const partId = Buffer.alloc(16, 1);
const drawKey = () => (randomBytes(8).readBigUInt64BE() >> 1n).toString();
const startedDaysAgo = (days: number): RunFacts => ({
  texts: Object.fromEntries(RUN_TEXTS.map((text) => [text, ""])) as RunFacts["texts"],
  dirty: false,
  labels: {},
  startUs: (Date.now() - days * DAY_MS) * 1000,
  startGiven: days > 0,
});

interface Run {
  readonly runId: string;
  readonly runKey: string;
  readonly runDay: string;
}

async function newRun(runId: string): Promise<Run> {
  const part = { partId, job: "", attempt: 1, shardIndex: 0, shardTotal: 0, producer: "" };
  const facts = startedDaysAgo(0);
  const stored = await insertRun(
    db,
    projectKey,
    runId,
    drawKey(),
    facts,
    { ...part, streamed: true },
    Infinity,
  );
  if (stored === null) throw new Error("the run_id is taken");
  await ensureResultsPartition(db, stored.runDay);
  return { runId, ...stored };
}

/** Stores a passed result of each of these tests. */
const store = (on: Queryable, { runKey, runDay }: Run, testKeys: readonly number[]) =>
  insertResults(
    on,
    {
      projectKey,
      groups: [{ runKey, runDay, partId, batchKey: drawKey(), tokenId: "token" }],
      rows: testKeys.map((testKey) => ({
        testKey: String(testKey),
        resultId: drawKey(),
        status: 1,
        attempt: 1,
        startUs: null,
        durationUs: 1_000 * testKey,
        failureMessage: null,
        details: null,
      })),
      groupOf: testKeys.map(() => 0),
    },
    Infinity,
  );

const remove = ({ runId }: Run) => deleteRun(db, projectKey, runId, Infinity);

/** Statements that have found what there is by now, and do their work when they are told to. */
async function begin(work: (on: Queryable) => Promise<unknown>): Promise<() => Promise<void>> {
  const connection = new Connection({ url: database.url, prepare: true });
  await connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await connection.query("SELECT 1");
  return async () => {
    await work(connection);
    await connection.run("COMMIT");
    await connection[Symbol.asyncDispose]();
  };
}

/** A connection on which something happens before the first statement with this text. */
function beforeStatement(
  text: RegExp,
  happen: () => Promise<void>,
): Queryable & { hasHappened(): boolean } {
  let hasHappened = false;
  return {
    async query(statement, params, options) {
      if (!hasHappened && text.test(statement)) {
        hasHappened = true;
        await happen();
      }
      return db.query<never>(statement, params, options);
    },
    hasHappened: () => hasHappened,
  };
}

async function differences(): Promise<Difference[]> {
  const found: Difference[] = [];
  await withSnapshot(database.url, async (snapshot) => {
    const comparison = createComparison((difference) => found.push(difference));
    await recountProject(snapshot, projectKey, comparison);
  });
  return found;
}

/** All that is folded of the project; hours and days that count nothing are left out. */
async function figures(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const table of ["test_days", "test_windows", "project_periods", "folded_runs"]) {
    const condition = table === "project_periods" ? "passed_count <> 0" : "true";
    found[table] = await db.query(
      `SELECT to_jsonb(t) AS row FROM ${table} t WHERE project_key = $1 AND ${condition} ORDER BY 1`,
      [projectKey],
    );
  }
  return found;
}

/** Purges and folds until nothing is left to do, and finds each figure exact all along. */
async function settle(purging: Queryable = db): Promise<void> {
  for (let round = 0; round < 6; round++) {
    await purge(purging);
    expect(await differences()).toEqual([]);
    await fold();
    expect(await differences()).toEqual([]);
  }
}

/** What there is still to do of deleted runs. */
const left = () =>
  db.query(
    `SELECT run_id FROM runs WHERE project_key = $1 AND deleted_at IS NOT NULL AND purged_at IS NULL
    UNION ALL SELECT 'results' FROM results r JOIN runs USING (project_key, run_key)
    WHERE project_key = $1 AND deleted_at IS NOT NULL
    UNION ALL SELECT 'queue' FROM fold_queue WHERE project_key = $1`,
    [projectKey],
  );

describe("a deleted run that results come to while it is purged", () => {
  const moments = [
    ...["results", "rejections", "batches", "run_parts", "part_totals", "folded_runs"],
    "missing_tests",
  ].map((table) => new RegExp(`DELETE FROM ${table}\\b`));
  it.each(
    [...moments, /SET purged_at = now\(\)/].flatMap((moment) => [
      { moment, isFolded: false },
      { moment, isFolded: true },
    ]),
  )("leaves no trace: $moment, folded meanwhile: $isFolded", async ({ moment, isFolded }) => {
    await store(db, await newRun("kept"), [1, 2]);
    await fold();
    const expected = await figures();
    const doomed = await newRun("doomed");
    await store(db, doomed, [1, 3]);
    await fold();
    // It counts by the day that is folded, not by the one that it got too late.
    await mergeRun(db, projectKey, "doomed", startedDaysAgo(1), Infinity);
    const storeLate = await begin((on) => store(on, doomed, [2, 3, 4]));
    await remove(doomed);
    const purging = beforeStatement(moment, async () => {
      await storeLate();
      expect(await differences()).toEqual([]);
      if (isFolded) await fold();
    });
    await settle(purging);
    expect(purging.hasHappened()).toBe(true);
    expect(await left()).toEqual([]);
    expect(await figures()).toEqual(expected);
  });

  it("leaves no trace where it is marked as purged while they are folded", async () => {
    const expected = await figures();
    const doomed = await newRun("doomed");
    await store(db, doomed, [1]);
    await fold();
    const storeLate = await begin((on) => store(on, doomed, [2]));
    await remove(doomed);
    await purge();
    await fold();
    const markPurged = await begin((on) => purgeRun(on, projectKey, doomed));
    await storeLate();
    await fold(beforeStatement(/UPDATE fold_states/, markPurged));
    await settle();
    expect(await left()).toEqual([]);
    expect(await figures()).toEqual(expected);
  });
});
