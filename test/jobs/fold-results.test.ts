import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fillRuns } from "../../bench/limits/fill-results.js";
import { Connection } from "../../src/db/client.js";
import type { Queryable } from "../../src/db/queryable.js";
import { withSnapshot } from "../../src/db/snapshot.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { createLogger } from "../../src/log.js";
import { createComparison, type Difference } from "../../src/stats/recount/differences.js";
import { recountProject } from "../../src/stats/recount/recount-project.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";

const SIZE = { tests: 20, resultsPerBatch: 10 };

let database: TestDatabase;
let db: Connection;
let projects = 0;
let runs = 0;
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
    [`project ${++projects}`],
  );
  projectKey = project?.project_key ?? "";
});

/** A run with a result of each test. */
const fillRun = () => fillRuns(db, projectKey, runs++, 1, SIZE);

/** A job that calls this whenever it has written a step. */
function createJob(afterWrite: () => Promise<void>) {
  const watched: Queryable = {
    async query(text, params, options) {
      const rows = await db.query<never>(text, params, options);
      if (/UPDATE fold_states/.test(text)) await afterWrite();
      return rows;
    },
  };
  return foldResults({
    db: watched,
    log: createLogger("warn"),
    now: Date.now,
    random: Math.random,
  });
}

async function differences(): Promise<Difference[]> {
  const found: Difference[] = [];
  await withSnapshot(database.url, async (snapshot) => {
    const comparison = createComparison((difference) => found.push(difference));
    await recountProject(snapshot, projectKey, comparison);
  });
  return found;
}

async function queued(): Promise<number | undefined> {
  const [row] = await db.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM fold_queue WHERE project_key = $1",
    [projectKey],
  );
  return row?.n;
}

describe("the job that folds results", () => {
  it("folds what waits, and leaves what comes meanwhile to its next round", async () => {
    let more = 2;
    const job = createJob(async () => {
      if (more-- > 0) await fillRun();
    });
    await fillRun();
    expect(await queued()).toBe(2);
    await job.runOnce();
    expect(more).toBe(1);
    expect(await queued()).toBe(2);
    await job.runOnce();
    await job.runOnce();
    expect(await queued()).toBe(0);
    expect(await differences()).toEqual([]);
  });
});
