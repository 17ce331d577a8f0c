/** The results that are sent: as a test framework sends them. */
import { Status } from "../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../src/client/index.js";

/** Distinct tests. */
export const TESTS = 10_000;

/** Results 0 to `count` - 1. */
export function* results(count: number): Generator<TestResultInit> {
  for (let i = 0; i < count; i++) yield result(i);
}

/** Short names; a failure in fifty with a message and a trace. */
export function result(i: number): TestResultInit {
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
