import { expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { uploadResults } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { limits } from "../../src/limits.js";
import { startTestServer } from "../support/server.js";

const STREAMS = 12;
const RESULTS = 4_000;

it("reads no more of a project's streams than its share while nothing can be committed", async () => {
  await using server = await startTestServer();
  const client = server.client(server.ingestToken);
  // Of a thousand bytes each, and of one test, so that nothing but the results waits.
  await client.ingest.ingestRun({ run: { runId: "warm-up" }, results: [result(0)] });
  await using db = new Connection({ url: server.databaseUrl, prepare: false });
  await db.run("BEGIN; LOCK TABLE results IN SHARE MODE");
  const uploads = Array.from({ length: STREAMS }, (_, stream) =>
    uploadResults(
      client,
      { run: { runId: `run ${stream}` } },
      Array.from({ length: RESULTS }, (_result, i) => result(i)),
      { batchResults: 1_000 },
    ),
  );
  const share = limits.bytesInFlight / 2;
  let highest = 0;
  await expect
    .poll(async () => {
      highest = Math.max(highest, await bytesInFlight(server.url));
      return highest;
    })
    .toBeGreaterThan(share / 2);
  for (let sample = 0; sample < 20; sample++) {
    highest = Math.max(highest, await bytesInFlight(server.url));
  }
  expect(highest).toBeLessThanOrEqual(share);
  await db.run("COMMIT");
  const stored = (await Promise.all(uploads)).map(({ acceptedCount }) => acceptedCount);
  expect(stored).toEqual(new Array(STREAMS).fill(RESULTS));
  await expect.poll(() => bytesInFlight(server.url)).toBe(0);
});

function result(i: number) {
  return {
    test: { name: "large" },
    resultId: String(i),
    status: Status.PASSED,
    stdout: "x".repeat(1_000),
  };
}

async function bytesInFlight(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^tally_bytes_in_flight (\d+)/m.exec(metrics)?.[1]);
}
