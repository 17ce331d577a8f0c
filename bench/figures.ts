/** What is measured. */
import { readFile } from "node:fs/promises";
import { Status } from "../gen/tally/v1/run_pb.js";
import { createTallyClient, type TestResultInit, uploadResults } from "../src/client/index.js";
import type { BenchServer } from "./server.js";

export interface Measurement {
  readonly value: number;
  readonly unit: string;
  readonly conditions: string;
}

export interface Figure {
  readonly name: string;
  readonly description: string;
  measure(server: BenchServer, isSmoke: boolean): Promise<Measurement>;
}

const TESTS = 10_000;

/** Every figure, in the order of measuring. */
export const figures: readonly Figure[] = [
  {
    name: "ingest.stream",
    description:
      "results a second, end to end through the typed client, committed and acknowledged",
    async measure(server, isSmoke) {
      const total = isSmoke ? 20_000 : 1_000_000;
      const streams = 2;
      const client = createTallyClient({ url: server.url, token: await server.newProject() });
      const startedAt = performance.now();
      const summaries = await Promise.all(
        Array.from({ length: streams }, (_, stream) =>
          uploadResults(client, { run: { runId: `run ${stream}` } }, results(total / streams)),
        ),
      );
      const seconds = (performance.now() - startedAt) / 1000;
      client.close();
      const accepted = summaries.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0);
      if (accepted !== total) throw new Error(`${accepted} of ${total} results were stored`);
      const rss = await residentMiB(server.pid);
      return {
        value: total / seconds,
        unit: "results/s",
        conditions: `${total} results, ${streams} streams, ${TESTS} tests, 2 % failing, server at ${rss} MiB`,
      };
    },
  },
  {
    name: "ingest.unary",
    description: "unary calls a second, one new result each, 64 in flight",
    async measure(server, isSmoke) {
      const total = isSmoke ? 640 : 20_000;
      const inFlight = 64;
      const client = createTallyClient({ url: server.url, token: await server.newProject() });
      const call = (i: number) =>
        client.ingest.ingestRun({ run: { runId: "unary" }, results: [result(i)] });
      await call(total);
      let next = 0;
      const startedAt = performance.now();
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          while (next < total) await call(next++);
        }),
      );
      const seconds = (performance.now() - startedAt) / 1000;
      client.close();
      return {
        value: total / seconds,
        unit: "calls/s",
        conditions: `${total} calls, ${inFlight} in flight, ${TESTS} tests`,
      };
    },
  },
];

function* results(count: number): Generator<TestResultInit> {
  for (let i = 0; i < count; i++) yield result(i);
}

/** As a test framework sends them: short names, a failure in fifty with a message and a trace. */
function result(i: number): TestResultInit {
  const test = i % TESTS;
  const isFailure = i % 50 === 7;
  return {
    test: {
      suite: `suite ${test % 100}`,
      file: `test/file-${test % 100}.test.ts`,
      name: `test ${test}`,
    },
    status: isFailure ? Status.FAILED : Status.PASSED,
    attempt: 1 + Math.floor(i / TESTS),
    startTime: { seconds: BigInt(1_790_000_000 + (i % 3600)), nanos: 123_456_000 },
    duration: { seconds: 0n, nanos: 1_000_000 * (1 + (i % 900)) },
    ...(isFailure
      ? { failure: { message: "expected 200, got 500", trace: "at cart.test.ts:12\n".repeat(10) } }
      : {}),
  };
}

/** Linux alone tells it this way; 0 elsewhere. */
async function residentMiB(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}
