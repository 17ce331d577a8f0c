/** A run as answers show it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import type { PartSummarySchema, RunSchema } from "../../gen/tally/v1/run_pb.js";
import type { Counts, PartRecord } from "../db/part-records.js";
import type { RunRecord } from "../db/run-records.js";
import { type DerivedRun, missingCount, partStatus } from "../ingest/run-state.js";

/** The run with its derived state and exact totals. */
export function runMessage(
  projectId: string,
  run: RunRecord,
  derived: DerivedRun,
): MessageInitShape<typeof RunSchema> {
  const { texts } = run;
  const sum = (count: keyof Counts) =>
    run.parts.reduce((total, part) => total + part.counts[count], 0);
  const { finishUs } = derived;
  return {
    runId: run.runId,
    projectId,
    state: derived.state,
    status: derived.status,
    source: {
      repositoryUrl: texts.repository_url,
      commitSha: texts.commit_sha,
      treeSha: texts.tree_sha,
      branch: texts.branch,
      baseBranch: texts.base_branch,
      changeId: texts.change_id,
      dirty: run.dirty,
    },
    ci: {
      provider: texts.ci_provider,
      pipeline: texts.ci_pipeline,
      buildId: texts.ci_build_id,
      buildUrl: texts.ci_build_url,
    },
    framework: texts.framework,
    labels: { ...run.labels },
    startTime: timestamp(run.startUs),
    ...(finishUs === null
      ? {}
      : {
          finishTime: timestamp(finishUs),
          duration: duration(Math.max(0, finishUs - run.startUs)),
        }),
    totals: {
      resultCount: BigInt(sum("accepted")),
      passedCount: BigInt(sum("passed")),
      failedCount: BigInt(sum("failed")),
      erroredCount: BigInt(sum("errored")),
      skippedCount: BigInt(sum("skipped")),
      precludedCount: BigInt(sum("precluded")),
      duration: duration(sum("durationUs")),
      lateCount: BigInt(sum("late")),
      duplicateCount: BigInt(sum("duplicates")),
      conflictCount: BigInt(sum("conflicts")),
      rejectedCount: BigInt(run.parts.reduce((total, part) => total + part.keptRefusals, 0)),
      rejectedFailureCount: BigInt(
        run.parts.reduce((total, part) => total + part.refusedFailures, 0),
      ),
    },
    createTime: timestamp(run.createUs),
    ...(run.expireUs === null ? {} : { expireTime: timestamp(run.expireUs) }),
  };
}

/** A part with what it stored and what it still misses. */
export function partMessage(part: PartRecord): MessageInitShape<typeof PartSummarySchema> {
  const { finishedUs, expectedCount } = part;
  return {
    part: {
      job: part.job,
      attempt: part.attempt,
      shardIndex: part.shardIndex,
      shardTotal: part.shardTotal,
      producer: part.producer,
    },
    createTime: timestamp(part.createUs),
    ...(finishedUs === null ? {} : { finishTime: timestamp(part.finishUs ?? finishedUs) }),
    status: partStatus(part),
    ...(expectedCount === null ? {} : { expectedResultCount: BigInt(expectedCount) }),
    storedCount: BigInt(part.counts.accepted),
    rejectedCount: BigInt(part.keptRefusals),
    rejectedFailureCount: BigInt(part.refusedFailures),
    missingCount: BigInt(missingCount(part)),
  };
}

/** Microseconds since the epoch as a Timestamp. */
export function timestamp(micros: number): Pick<Timestamp, "seconds" | "nanos"> {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (micros - seconds * 1_000_000) * 1000 };
}

/** 10,000 years, the longest that a Duration can be: JSON has no text for a longer sum. */
const LONGEST_US = 315_576_000_000 * 1_000_000;

/** Microseconds as a Duration, up to the longest. */
export function duration(micros: number): Pick<Duration, "seconds" | "nanos"> {
  return timestamp(Math.min(micros, LONGEST_US));
}
