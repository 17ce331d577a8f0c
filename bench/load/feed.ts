/**
 * A process that feeds a project with results of known tests, so many a second in batches of a tenth of that, to one run
 * after the other on main, until it is killed. It prints how many were acknowledged, once a second.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PublishResultsRequestSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import { type CatalogTest, makeCatalog } from "../dataset/catalog.js";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "" },
    token: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    tests: { type: "string", default: "20000" },
    rate: { type: "string", default: "5000" },
  },
});
const BATCHES_PER_SECOND = 10;

const catalog = makeCatalog(Number(values.seed), Number(values.tests));
const batchSize = Math.max(1, Math.round(Number(values.rate) / BATCHES_PER_SECOND));
const client = createTallyClient({ url: values.url, token: values.token });
let acknowledged = 0;
setInterval(() => console.log(acknowledged), 1_000);

for (let run = 1; ; run++) {
  for await (const answer of client.ingest.publishResults(frames(`feed ${process.pid} ${run}`))) {
    acknowledged += Number(answer.acceptedCount);
  }
}

/** Every test of the catalog once, at the wanted rate. */
async function* frames(
  runId: string,
): AsyncGenerator<MessageInitShape<typeof PublishResultsRequestSchema>> {
  const source = { branch: "main", commitSha: runId };
  yield { frame: { case: "open" as const, value: { run: { runId, source } } } };
  let sequence = 0n;
  let dueAt = performance.now();
  for (let from = 0; from < catalog.length; from += batchSize) {
    dueAt += 1_000 / BATCHES_PER_SECOND;
    await sleep(Math.max(0, dueAt - performance.now()));
    const results = catalog.slice(from, from + batchSize).map(result);
    yield { frame: { case: "batch" as const, value: { sequence: ++sequence, results } } };
  }
  yield { frame: { case: "finish" as const, value: {} } };
}

function result({ suite, file, name, durationUs }: CatalogTest) {
  return {
    test: { suite, file, name },
    status: Status.PASSED,
    duration: { seconds: BigInt(Math.floor(durationUs / 1e6)), nanos: (durationUs % 1e6) * 1000 },
  };
}
