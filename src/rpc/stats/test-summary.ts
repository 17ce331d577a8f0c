/** Tests with their figures, as answers show them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type TestSummarySchema, Verdict } from "../../../gen/tally/v1/stats_pb.js";
import type { TestRecord, TestWindowRecord } from "../../db/test-records.js";
import { ranksOf } from "../../stats/duration-sum.js";
import { judgeTest } from "../../stats/flaky.js";
import { decodeRecentRuns } from "../../stats/recent-runs.js";
import { timestamp } from "../run-message.js";
import { quantilesMessage, rateMessage, resultCounts } from "./figures-message.js";
import { testMessage } from "./test-message.js";

/** The test with what its window says; of a test without figures, that there is nothing. */
export function testSummary(record: TestRecord): MessageInitShape<typeof TestSummarySchema> {
  const { window } = record;
  const figures = window ?? NO_FIGURES;
  const { passed, failed, errored } = figures.results;
  const durations = figures.durations ?? NO_BYTES;
  return {
    testId: record.testId,
    test: testMessage(record),
    figures: {
      results: resultCounts(figures.results),
      failureRate: rateMessage(failed + errored, passed + failed + errored),
      flakeRate: rateMessage(figures.flaky, passed + failed),
      duration: quantilesMessage(ranksOf(durations)),
    },
    verdict: verdictOf(window),
    ...(window === null
      ? {}
      : {
          lastRunId: window.lastRunId,
          lastSeenTime: timestamp(window.lastSeenUs),
          lastStatus: window.lastStatus,
        }),
  };
}

/** What the evidence of the window says. */
export function verdictOf(window: TestWindowRecord | null): Verdict {
  const { results, flaky, recent, decisiveSince } = window ?? NO_FIGURES;
  const verdict = judgeTest({
    flakyFailures: flaky,
    decisive: results.passed + results.failed,
    recentRuns: decodeRecentRuns(recent),
    decisiveSinceLastFlake: decisiveSince,
  });
  return Verdict[verdict];
}

const NO_BYTES = new Uint8Array(0);
const NO_FIGURES = {
  results: { passed: 0, failed: 0, errored: 0, skipped: 0, precluded: 0, durationUs: 0 },
  flaky: 0,
  durations: NO_BYTES,
  recent: NO_BYTES,
  decisiveSince: 0,
} as const;
