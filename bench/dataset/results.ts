/** The results of a planned run, part by part, as its jobs send them. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { TestResultInit } from "../../src/client/index.js";
import { drawOf, normal, seededRandom } from "../random.js";
import type { CatalogTest, JobName } from "./catalog.js";
import { type Dataset, isWithin, type PlannedRun } from "./plan.js";

/**
 * The statuses of a test in a run, one an attempt; none where it did not run. A failure is tried once more. Drawn from
 * the seed, the run and the test alone.
 */
export function statusesOf(
  { options: { seed, tests } }: Dataset,
  run: PlannedRun,
  test: CatalogTest,
): readonly Status[] {
  const { index } = test;
  if (!isWithin(run.range, index, tests)) return NONE;
  if (test.isSkipped) return SKIPPED;
  if (run.isOutage && test.job === "e2e" && drawOf(seed, run.index, index, 1) < 0.4) return ERRORED;
  if (run.tree.broken.some((range) => isWithin(range, index, tests))) return FAILED_TWICE;
  if (test.flakeRate === 0 || drawOf(seed, run.index, index, 2) >= test.flakeRate) return PASSED;
  return drawOf(seed, run.index, index, 3) < 0.8 ? FAILED_ONCE : FAILED_TWICE;
}

/** What one shard of a job sends, in the order of the catalog. */
export function* partResults(
  dataset: Dataset,
  run: PlannedRun,
  job: JobName,
  shard: number,
): Generator<TestResultInit> {
  const random = seededRandom(dataset.options.seed + run.index * 16 + shard);
  let nowUs = run.startUs;
  for (const test of dataset.catalog) {
    if (test.job !== job || test.shard !== shard) continue;
    let attempt = 0;
    for (const status of statusesOf(dataset, run, test)) {
      const durationUs = Math.round(test.durationUs * Math.exp(0.12 * normal(random)));
      const init: TestResultInit = {
        test: { suite: test.suite, file: test.file, name: test.name },
        status,
        attempt: ++attempt,
        startTime: { seconds: BigInt(Math.floor(nowUs / 1e6)), nanos: (nowUs % 1e6) * 1000 },
      };
      if (status !== Status.SKIPPED) init.duration = durationOf(durationUs);
      if (status === Status.FAILED || status === Status.ERRORED) {
        init.failure = failureOf(run, test, status);
      }
      // Ten at a time.
      nowUs += Math.round(durationUs / 10);
      yield init;
    }
  }
}

function failureOf(run: PlannedRun, test: CatalogTest, status: Status) {
  const trace = `at check (${test.file}:${10 + (test.index % 90)}:7)\n`.repeat(8);
  if (status === Status.ERRORED) {
    const message = `connect ECONNREFUSED 10.0.3.${run.index % 250}:5432`;
    return { kind: "error", type: "ConnectionError", message, trace };
  }
  const message =
    test.flakeRate > 0
      ? `Timeout ${1000 + (run.index % 7) * 500}ms exceeded while waiting for ${WAITED[test.index % WAITED.length]}`
      : `expected ${run.index % 100} to equal ${test.index % 100} in ${test.suite}`;
  return { kind: "assertion", type: "AssertionError", message, trace };
}

function durationOf(us: number) {
  return { seconds: BigInt(Math.floor(us / 1e6)), nanos: (us % 1e6) * 1000 };
}

const NONE: readonly Status[] = [];
const PASSED = [Status.PASSED];
const SKIPPED = [Status.SKIPPED];
const ERRORED = [Status.ERRORED];
const FAILED_ONCE = [Status.FAILED, Status.PASSED];
const FAILED_TWICE = [Status.FAILED, Status.FAILED];
const WAITED = ["the cart", "the payment", "the mail", "the search index", "the session"];
