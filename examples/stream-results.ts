/**
 * Streams results while tests run, and forgets each batch once it is acknowledged: an acknowledgement means
 * committed. Usage: TALLY_URL=… TALLY_TOKEN=… node dist/examples/stream-results.js [run id]
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PublishResultsRequestSchema } from "../gen/tally/v1/ingest_service_pb.js";
import { Status } from "../gen/tally/v1/run_pb.js";
import { createTallyClient, type TestResultInit } from "../src/client/index.js";

const client = createTallyClient({
  url: process.env["TALLY_URL"] ?? "http://127.0.0.1:8080",
  token: process.env["TALLY_TOKEN"] ?? "",
});
const runId = process.argv[2] ?? `stream-${Date.now()}`;
const unacknowledged = new Map<bigint, TestResultInit[]>();

for await (const ack of client.ingest.publishResults(frames())) {
  for (const sequence of unacknowledged.keys()) {
    if (sequence <= (ack.committedSequence ?? -1n)) unacknowledged.delete(sequence);
  }
  const { acceptedCount, duplicateCount, rejectedCount } = ack;
  console.log(
    `${acceptedCount} stored, ${duplicateCount} known, ${rejectedCount} refused; ` +
      `${unacknowledged.size} batches to go${ack.finished ? "; finished" : ""}`,
  );
}
client.close();

/** The frames of one stream: whose results follow, the batches, the end. */
async function* frames(): AsyncGenerator<MessageInitShape<typeof PublishResultsRequestSchema>> {
  yield { frame: { case: "open", value: { run: { runId, framework: "example" } } } };
  let count = 0;
  for (let sequence = 0n; sequence < 5n; sequence++) {
    const results = await runTests(Number(sequence));
    count += results.length;
    unacknowledged.set(sequence, results);
    yield { frame: { case: "batch", value: { sequence, results } } };
  }
  yield { frame: { case: "finish", value: { expectedResultCount: BigInt(count) } } };
}

/** Stands for a test framework. */
async function runTests(suite: number): Promise<TestResultInit[]> {
  await sleep(100);
  return Array.from({ length: 20 }, (_, index) => ({
    test: { suite: `suite ${suite}`, name: `test ${index}` },
    status: index === 13 ? Status.FAILED : Status.PASSED,
    duration: { nanos: 5_000_000 },
    ...(index === 13 ? { failure: { message: "expected 1, got 2" } } : {}),
  }));
}
