/** Figures as answers show them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  DurationQuantilesSchema,
  RateSchema,
  ResultCountsSchema,
  RunCountsSchema,
} from "../../../gen/tally/v1/stats_pb.js";
import type { ResultTotals } from "../../db/result-totals.js";
import type { DurationRanks, RunTotals } from "../../db/run-totals.js";
import { wilsonInterval } from "../../stats/wilson.js";
import { duration, timestamp } from "../run-message.js";

/** A share with its interval. */
export function rateMessage(part: number, of: number): MessageInitShape<typeof RateSchema> {
  return { numerator: BigInt(part), denominator: BigInt(of), ...wilsonInterval(part, of) };
}

/** Of results or runs, passed by passed + failed + errored. */
export function passRate(
  counts: Pick<ResultTotals, "passed" | "failed" | "errored">,
): MessageInitShape<typeof RateSchema> {
  const { passed, failed, errored } = counts;
  return rateMessage(passed, passed + failed + errored);
}

export function resultCounts(totals: ResultTotals): MessageInitShape<typeof ResultCountsSchema> {
  const { passed, failed, errored, skipped, precluded, durationUs } = totals;
  return {
    resultCount: BigInt(passed + failed + errored + skipped + precluded),
    passedCount: BigInt(passed),
    failedCount: BigInt(failed),
    erroredCount: BigInt(errored),
    skippedCount: BigInt(skipped),
    precludedCount: BigInt(precluded),
    duration: duration(durationUs),
  };
}

export function runCounts(totals: RunTotals): MessageInitShape<typeof RunCountsSchema> {
  return {
    runCount: BigInt(totals.count),
    runningCount: BigInt(totals.running),
    finishedCount: BigInt(totals.finished),
    incompleteCount: BigInt(totals.incomplete),
    abandonedCount: BigInt(totals.abandoned),
    passedCount: BigInt(totals.passed),
    failedCount: BigInt(totals.failed),
    erroredCount: BigInt(totals.errored),
    skippedCount: BigInt(totals.skipped),
  };
}

/** Percentiles that are known; those of nothing are absent. */
export function quantilesMessage(
  ranks: DurationRanks,
): MessageInitShape<typeof DurationQuantilesSchema> {
  const { count, p50, p95, p99 } = ranks;
  return {
    count: BigInt(count),
    ...(p50 === null ? {} : { p50: timestamp(p50) }),
    ...(p95 === null ? {} : { p95: timestamp(p95) }),
    ...(p99 === null ? {} : { p99: timestamp(p99) }),
  };
}
