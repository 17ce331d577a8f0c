import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventMode } from "../gen/tally/v1/event_pb.js";
import { RunState, Status } from "../gen/tally/v1/run_pb.js";
import { Connection } from "../src/db/client.js";
import { abandonRuns } from "../src/jobs/abandon-runs.js";
import { createPartitions } from "../src/jobs/create-partitions.js";
import { dropClosedRefusals } from "../src/jobs/drop-closed-refusals.js";
import { purgeDeleted } from "../src/jobs/purge-deleted.js";
import { settleRuns } from "../src/jobs/settle-runs.js";
import { createLogger } from "../src/log.js";
import { foldAll } from "./support/fold-all.js";
import { startTestServer, type TestServer } from "./support/server.js";

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

const deps = (now = Date.now) => ({ db, log: createLogger("silent"), now, random: () => 0 });
const client = () => server.client(server.allToken);
const send = (runId: string, names: string[], status?: Status) =>
  client().ingest.ingestRun({
    run: status === undefined ? { runId } : { runId, status },
    results: names.map((name) => ({ test: { name }, status: Status.PASSED })),
  });
const stateOf = async (runId: string) => (await client().stats.getRun({ runId })).run?.state;
const listed = async (state: RunState) =>
  (await client().stats.listRuns({ state })).runs.map(({ runId }) => runId);
const count = async (table: string, where = "true") => {
  const [row] = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM ${table} WHERE ${where}`,
  );
  return row?.n;
};

describe("a running run", () => {
  it("is abandoned after a day without traffic, and lives again with more", async () => {
    await send("quiet", ["a"]);
    await send("busy", ["a"]);
    const day = 24 * 3600 * 1000;
    await abandonRuns(deps(() => Date.now() + day - 60_000)).runOnce();
    expect(await stateOf("quiet")).toBe(RunState.RUNNING);
    for (const table of ["runs", "run_parts", "batches"]) {
      await db.query(`UPDATE ${table} SET created_at = created_at - interval '25 hours'`);
    }
    await send("busy", ["b"]);
    await abandonRuns(deps()).runOnce();
    expect(await stateOf("quiet")).toBe(RunState.ABANDONED);
    expect(await stateOf("busy")).toBe(RunState.RUNNING);
    expect(await listed(RunState.ABANDONED)).toEqual(["quiet"]);
    await send("quiet", ["b"]);
    expect(await stateOf("quiet")).toBe(RunState.RUNNING);
    expect(await listed(RunState.ABANDONED)).toEqual([]);
  });
});

describe("a run whose last writer crashed before it derived the state", () => {
  it("is right when it is read, and in lists after the job", async () => {
    await send("crashed", ["a"]);
    await db.query(`
      WITH ended AS (
        UPDATE run_parts SET finished_at = now(), finish_status = 1
        WHERE run_key = (SELECT run_key FROM runs WHERE run_id = 'crashed')
      )
      UPDATE runs SET state_version = state_version + 1, unsettled_at = now() - interval '1 minute'
      WHERE run_id = 'crashed'`);
    expect(await stateOf("crashed")).toBe(RunState.FINISHED);
    expect(await listed(RunState.FINISHED)).not.toContain("crashed");
    await settleRuns(deps()).runOnce();
    expect(await listed(RunState.FINISHED)).toContain("crashed");
  });
});

describe("deletion", () => {
  it("of a run removes its rows and nothing else", async () => {
    await send("doomed", ["a", "", "b"], Status.PASSED);
    await send("neighbour", ["a", ""], Status.PASSED);
    const [run] = await db.query<{ run_key: string }>(
      "SELECT run_key FROM runs WHERE run_id = 'doomed'",
    );
    const of = `run_key = ${run?.run_key}`;
    expect(await count("results", of)).toBe(2);
    await foldAll(db);
    expect(await count("part_totals", of)).toBe(1);
    await client().ingest.deleteRun({ runId: "doomed" });
    await purgeDeleted(deps()).runOnce();
    expect(await count("results", of)).toBe(0);
    await foldAll(db);
    await purgeDeleted(deps()).runOnce();
    const tables = ["results", "batches", "fold_queue", "run_parts", "rejections"];
    for (const table of [...tables, "part_totals", "folded_runs", "missing_tests"]) {
      expect(await count(table, of), table).toBe(0);
    }
    expect(await count("runs", `${of} AND purged_at IS NOT NULL`)).toBe(1);
    const { run: left } = await client().stats.getRun({ runId: "neighbour" });
    expect(left?.totals).toMatchObject({ resultCount: 1n, rejectedCount: 1n });
    const [usage] = await db.query<{ same: boolean }>(`
      SELECT kept_bytes = (SELECT sum(octet_length(bytes) + octet_length(part) + 1024) FROM rejections WHERE state = 1) AS same
      FROM rejection_usage`);
    expect(usage?.same).toBe(true);
  });

  it("of a project removes all that was its own", async () => {
    const { tenancy } = server.client();
    const { organizationId } = server;
    const { project } = await tenancy.createProject({ organizationId, name: "doomed" });
    const projectId = project?.projectId ?? "";
    const { ingest, events } = server.client();
    const event = (path: string) => ({
      payload: {
        case: "json" as const,
        value: Buffer.from(
          `{"source":"s","type":"view","path":"${path}","user":"u","ts":1700000000}`,
        ),
      },
    });
    await events.ingestEvent({ projectId, event: event("/a") });
    await events.ingestEvent({ projectId, event: event("/b"), mode: EventMode.QUEUE });
    await db.query("UPDATE inbox SET run_at = now() + interval '1 day', lease_key = 1");
    const results = [{ test: { name: "a" }, status: Status.FAILED }, { status: Status.PASSED }];
    await ingest.ingestRun({ projectId, run: { runId: "r" }, results });
    await foldAll(db);
    await ingest.ingestRun({ projectId, run: { runId: "s" }, results });
    const before = await count("results");
    await tenancy.deleteProject({ projectId });
    await purgeDeleted(deps()).runOnce();
    expect(await count("results")).toBe((before ?? 0) - 2);
    const [key] = await db.query<{ project_key: string }>(
      "SELECT project_key FROM projects WHERE project_id = $1 AND purged_at IS NOT NULL",
      [projectId],
    );
    const tables = ["runs", "run_parts", "results", "batches", "fold_queue", "tests", "rejections"];
    const ofEvents = ["events", "inbox", "event_batches", "event_fold_queue", "processing_log"];
    const folded = [
      ...["event_days", "event_users", "event_paths", "fold_states", "folded_runs", "part_totals"],
      ...["project_periods", "test_days", "test_windows", "failures", "failure_groups"],
      ...["failure_group_days", "failure_group_runs", "failure_group_tests", "missing_tests"],
    ];
    for (const table of [...tables, "test_counts", "rejection_usage", ...ofEvents, ...folded]) {
      expect(await count(table, `project_key = ${key?.project_key}`), table).toBe(0);
    }
  });
});

describe("a dismissed rejection", () => {
  it("loses its bytes after 30 days, and stays listed", async () => {
    await send("dismissing", ["", "b"], Status.PASSED);
    const filter = { runId: "dismissing" };
    const { rejections } = client();
    await rejections.dismissRejections({ filter });
    const days = (n: number) => () => Date.now() + n * 24 * 3600 * 1000;
    await dropClosedRefusals(deps(days(29))).runOnce();
    const kept = (await rejections.listRejections({ filter })).rejections;
    expect(kept.map(({ item }) => item.case)).toEqual(["result"]);
    await dropClosedRefusals(deps(days(31))).runOnce();
    const dropped = (await rejections.listRejections({ filter })).rejections;
    expect(dropped.map(({ item }) => item.case)).toEqual([undefined]);
    expect(await stateOf("dismissing")).toBe(RunState.FINISHED);
  });
});

describe("partitions", () => {
  it("of this month and the two after it exist", async () => {
    await createPartitions(deps(() => Date.parse("2032-11-15T00:00:00Z"))).runOnce();
    const names = await db.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relname ~ '^results_20(32|33)_..$' ORDER BY 1",
    );
    expect(names.map(({ name }) => name)).toEqual([
      "results_2032_11",
      "results_2032_12",
      "results_2033_01",
    ]);
  });
});
