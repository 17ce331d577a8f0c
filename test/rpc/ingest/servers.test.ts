import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { uploadResults } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
let other: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  other = await startTestServer({ databaseUrl: server.databaseUrl });
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

describe("two servers on one database", () => {
  it("count what four clients send at once, each result once, and tell each exactly what it added", async () => {
    const token = server.allToken;
    const results = Array.from({ length: 8_000 }, (_, i) => ({
      test: { suite: `s${i % 7}`, name: `t${i}` },
      status: i % 10 === 0 ? Status.FAILED : Status.PASSED,
    }));
    const senders = [server, server, other, other].map(({ url }, i) => {
      const client = (i < 2 ? server : other).client(token);
      expect(url).not.toBe("");
      return uploadResults(client, { run: { runId: "race" } }, results, { batchResults: 777 });
    });
    const summaries = await Promise.all(senders);
    const sum = (count: "acceptedCount" | "duplicateCount") =>
      summaries.reduce((total, summary) => total + summary[count], 0);
    expect(sum("acceptedCount")).toBe(8_000);
    expect(sum("duplicateCount")).toBe(24_000);
    for (const { acceptedCount, duplicateCount } of summaries) {
      expect(acceptedCount + duplicateCount).toBe(8_000);
    }
    expect(summaries.filter(({ runDuplicate }) => !runDuplicate)).toHaveLength(1);
    const { run } = await other.client(token).stats.getRun({ runId: "race" });
    expect(run).toMatchObject({
      state: RunState.FINISHED,
      totals: { resultCount: 8_000n, failedCount: 800n, duplicateCount: 24_000n },
    });
    await using db = new Connection({ url: server.databaseUrl, prepare: false });
    const [rows] = await db.query<{ n: number; distinct_n: number; folded: number }>(`
      SELECT count(*)::int AS n, count(DISTINCT (test_key, result_id))::int AS distinct_n,
        COALESCE((SELECT sum(cardinality(test_keys))::int FROM fold_queue q WHERE q.run_key = r.run_key), 0)
          + COALESCE((SELECT sum(accepted_count)::int FROM part_totals t WHERE t.run_key = r.run_key), 0) AS folded
      FROM runs r JOIN results USING (project_key, run_key)
      WHERE run_id = 'race' GROUP BY r.run_key`);
    expect(rows).toEqual({ n: 8_000, distinct_n: 8_000, folded: 8_000 });
  });

  it("see a deletion at once, although they remember the run", async () => {
    const here = server.client(server.allToken);
    const there = other.client(server.allToken);
    const run = { runId: "deleted there" };
    const send = (name: string) =>
      here.ingest.ingestRun({ run, results: [{ test: { name }, status: Status.PASSED }] });
    await send("a");
    await there.ingest.deleteRun(run);
    await expect(send("b")).rejects.toThrow("is deleted");
  });

  it.each([
    ["no result", []],
    ["refused results alone", [{ status: Status.PASSED }]],
  ])("see a deletion when a call has %s, and keep nothing of it", async (name, results) => {
    const here = server.client(server.allToken);
    const there = other.client(server.allToken);
    const run = { runId: `deleted there: ${name}` };
    await here.ingest.ingestRun({ run, results: [{ test: { name }, status: Status.PASSED }] });
    await there.ingest.deleteRun(run);
    await expect(here.ingest.ingestRun({ run, results })).rejects.toThrow("is deleted");
    const kept = await there.rejections.listRejections({ filter: run });
    expect(kept.rejections).toEqual([]);
  });

  it("end a revoked token on the other server within a second or so", async () => {
    const { tenancy } = server.client();
    const { projectId } = server;
    const made = await tenancy.createToken({ projectId, name: "short-lived", scopes: [1, 2] });
    const there = other.client(made.secret);
    await there.stats.listRuns({});
    const stream = (async () => {
      async function* frames() {
        yield { frame: { case: "open" as const, value: { run: { runId: "revoked" } } } };
        await new Promise((resolve) => setTimeout(resolve, 20_000).unref());
      }
      for await (const _ack of there.ingest.publishResults(frames())) {
        await tenancy.revokeToken({ tokenId: made.token?.tokenId ?? "" });
      }
    })();
    await expect(stream).rejects.toThrow(/revoked/);
    await expect(there.stats.listRuns({})).rejects.toThrow("[unauthenticated]");
  });
});
