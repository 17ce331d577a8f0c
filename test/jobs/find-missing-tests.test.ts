import { afterAll, beforeAll, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { Connection } from "../../src/db/client.js";
import { DbError, type DbErrorKind } from "../../src/db/errors.js";
import type { Queryable } from "../../src/db/queryable.js";
import { findMissingTests } from "../../src/jobs/find-missing-tests.js";
import { createLogger } from "../../src/log.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { createProject, type TestProject } from "./project.js";

let server: TestServer;
let db: Connection;
beforeAll(async () => {
  server = await startTestServer({ withoutJobs: true });
  db = new Connection({ url: server.databaseUrl, prepare: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** A project whose last run lacks a test. */
async function lackingProject(): Promise<TestProject> {
  const project = await createProject(server, db, {});
  const send = (runId: string, ...names: string[]) =>
    project.client.ingest.ingestRun({
      run: { runId, status: Status.PASSED },
      results: names.map((name) => ({ test: { name }, status: Status.PASSED })),
    });
  for (const runId of ["1", "2", "3"]) await send(runId, "a", "b");
  await send("lacking", "a");
  return project;
}

const due = ({ count }: TestProject) => count("runs", "missing_due_at IS NOT NULL");

/** A round, all being due, on a database that fails some statements. */
function round(
  fails: (text: string, params: readonly unknown[]) => boolean,
  kind: DbErrorKind,
): Promise<void> {
  const failing: Queryable = {
    async query(text, params = [], options) {
      if (fails(text, params)) throw new DbError(kind, "failed by the test", "", "");
      return db.query<never>(text, params, options);
    },
  };
  const log = createLogger("silent");
  const now = () => Date.now() + 10_000;
  return findMissingTests({ db: failing, log, now, random: Math.random }).runOnce();
}

it("searches the runs of other projects where one's cannot be listed", async () => {
  const broken = await lackingProject();
  const sound = await lackingProject();
  const lists = /ORDER BY missing_due_at/;
  await round((text, [project]) => project === broken.projectKey && lists.test(text), "bug");
  expect([await due(broken), await due(sound)]).toEqual([4, 0]);
  const { missingTestCount } = await sound.client.stats.getRun({ runId: "lacking" });
  expect(missingTestCount).toBe(1n);
});

it("searches other runs where one cannot be searched, unless the database is away", async () => {
  const project = await lackingProject();
  const [run] = await db.query<{ run_key: string }>(
    "SELECT run_key FROM runs WHERE project_key = $1 ORDER BY missing_due_at LIMIT 1",
    [project.projectKey],
  );
  const keepsFirst = (text: string, params: readonly unknown[]) =>
    params[0] === project.projectKey &&
    params[1] === run?.run_key &&
    /INTO missing_tests/.test(text);
  await expect(round(keepsFirst, "transient")).rejects.toThrow("failed by the test");
  expect(await due(project)).toBe(4);
  await round(keepsFirst, "bug");
  expect(await due(project)).toBe(1);
});
