/** uploadResults over Connect, where every batch is a call, against a real server. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, type TestResultInit, uploadResults } from "../../src/client/index.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { startTcpProxy } from "../support/tcp-proxy.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

function* results(count: number): Generator<TestResultInit> {
  for (let i = 0; i < count; i++) {
    const status = i % 10 === 3 ? Status.FAILED : Status.PASSED;
    // What only protobuf-es can write goes along with the others.
    const startTime = i === 4 ? { startTime: { seconds: -1n } } : {};
    yield { test: { name: i === 5 ? "" : `é ${i}` }, status, ...startTime };
  }
}

it("stores each result once, also when calls are cut", async () => {
  const { hostname, port } = new URL(server.url);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const url = proxy.through(server.url);
  const client = createTallyClient({ url, token: server.allToken, protocol: "connect" });
  const open = {
    run: { runId: "connect", framework: "f", labels: { a: "b" } },
    part: { job: "j", shardIndex: 1, shardTotal: 1 },
  };
  let acknowledgements = 0;
  const summary = await uploadResults(client, open, results(250), {
    batchResults: 20,
    finish: { expectedResultCount: 250n },
    onProgress() {
      acknowledgements++;
      if (acknowledgements % 4 === 0) proxy.cut(acknowledgements % 8 === 0 ? "fin" : "rst");
    },
  });
  client.close();
  expect(summary).toMatchObject({ runId: "connect", sentCount: 250, rejectedCount: 2 });
  expect(summary.acceptedCount + summary.duplicateCount).toBe(248);
  // The positions in the whole upload, not in the call that was refused.
  expect(summary.rejections.map(({ index }) => index)).toEqual([4n, 5n]);
  const { run, parts } = await server.client(server.allToken).stats.getRun({ runId: "connect" });
  expect(run).toMatchObject({
    state: RunState.FINISHED,
    status: Status.FAILED,
    framework: "f",
    labels: { a: "b" },
    totals: { resultCount: 248n, failedCount: 25n, rejectedCount: 2n },
  });
  expect(parts).toMatchObject([{ part: { job: "j" }, storedCount: 248n, missingCount: 0n }]);
});
