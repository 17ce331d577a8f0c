/**
 * A process that floods a project: so many streams, each with a batch of 5,000 new results on its way at any
 * time. It prints the number of acknowledged batches whenever it grows, and runs until it is killed.
 */
import { parseArgs } from "node:util";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient } from "../../src/client/index.js";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "" },
    token: { type: "string", default: "" },
    streams: { type: "string", default: "64" },
  },
});
const BATCH_RESULTS = 5_000;
const TESTS = 20_000;

let acknowledged = 0;

/** Sends the next batch whenever one is acknowledged; what the server does not take is sent again. */
async function flood(stream: number): Promise<never> {
  const client = createTallyClient({ url: values.url, token: values.token });
  for (let sent = 0; ; ) {
    let answered = () => {};
    async function* frames() {
      yield { frame: { case: "open" as const, value: { run: { runId: "flood" } } } };
      for (let sequence = 1n; ; sequence++) {
        const results = batch(stream, sent);
        sent += BATCH_RESULTS;
        const acknowledgement = new Promise<void>((resolve) => {
          answered = resolve;
        });
        yield { frame: { case: "batch" as const, value: { sequence, results } } };
        await acknowledgement;
      }
    }
    try {
      for await (const { committedSequence } of client.ingest.publishResults(frames())) {
        if (committedSequence === undefined) continue;
        console.log(++acknowledged);
        answered();
      }
    } catch (error) {
      console.error(String(error));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

function batch(stream: number, from: number) {
  return Array.from({ length: BATCH_RESULTS }, (_, i) => ({
    test: { suite: "flood", name: `test ${(from + i) % TESTS}` },
    resultId: `${stream} ${from + i}`,
    status: Status.PASSED,
  }));
}

await Promise.all(Array.from({ length: Number(values.streams) }, (_, stream) => flood(stream)));
