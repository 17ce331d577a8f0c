/**
 * A process that floods a project: so many streams, each with a batch of 5,000 new results on its way at any
 * time. It prints the number of acknowledged batches whenever it grows, and runs until it is killed.
 */
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    /** Of the built client: this file is not compiled. */
    client: { type: "string", default: "" },
    url: { type: "string", default: "" },
    token: { type: "string", default: "" },
    streams: { type: "string", default: "64" },
  },
});
const BATCH_RESULTS = 5_000;
const TESTS = 20_000;

/** @type {typeof import("../../src/client/index.js")} */
const { createTallyClient } = await import(values.client);
let acknowledged = 0;

/**
 * Sends the next batch whenever one is acknowledged; what the server does not take is sent again.
 * @param {number} stream
 */
async function flood(stream) {
  const client = createTallyClient({ url: values.url, token: values.token });
  for (let sent = 0; ; ) {
    /** @type {() => void} */
    let answered = () => {};
    async function* frames() {
      yield { frame: { case: /** @type {const} */ ("open"), value: { run: { runId: "flood" } } } };
      for (let sequence = 1n; ; sequence++) {
        const results = batch(stream, sent);
        sent += BATCH_RESULTS;
        const acknowledgement = new Promise((resolve) => {
          answered = () => resolve(undefined);
        });
        yield { frame: { case: /** @type {const} */ ("batch"), value: { sequence, results } } };
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

/**
 * @param {number} stream
 * @param {number} from
 */
function batch(stream, from) {
  return Array.from({ length: BATCH_RESULTS }, (_, i) => ({
    test: { suite: "flood", name: `test ${(from + i) % TESTS}` },
    resultId: `${stream} ${from + i}`,
    status: 1,
  }));
}

await Promise.all(Array.from({ length: Number(values.streams) }, (_, stream) => flood(stream)));
