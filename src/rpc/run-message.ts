/** A run as answers show it. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { type PartSummarySchema, type RunSchema, RunState } from "../../gen/tally/v1/run_pb.js";
import type { FinishedRun } from "../db/finished-runs.js";
import type { Counts } from "../db/part-counts.js";
import type { PartRecord } from "../db/part-records.js";
import type { RunRecord, ShownRun } from "../db/run-records.js";
import { type DerivedRun, missingCount, partStatus } from "../ingest/run-state.js";

/** The run with its derived state and exact totals. */
export function runMessage(
  projectId: string,
  run: RunRecord,
  derived: DerivedRun,
): MessageInitShape<typeof RunSchema> {
  const sum = (of: (part: PartRecord) => number) =>
    run.parts.reduce((total, part) => total + of(part), 0);
  const count = (name: keyof Counts) => sum(({ counts }) => counts[name]);
  return message(projectId, run, derived, {
    counts: {
      accepted: count("accepted"),
      passed: count("passed"),
      failed: count("failed"),
      errored: count("errored"),
      skipped: count("skipped"),
      precluded: count("precluded"),
      durationUs: count("durationUs"),
      late: count("late"),
      duplicates: count("duplicates"),
      conflicts: count("conflicts"),
    },
    keptRefusals: sum(({ keptRefusals }) => keptRefusals),
    refusedFailures: sum(({ refusedFailures }) => refusedFailures),
  });
}

/** The same of a run that is settled as FINISHED. */
export function finishedRunMessage(
  projectId: string,
  run: FinishedRun,
): MessageInitShape<typeof RunSchema> {
  const { status, finishUs } = run;
  return message(projectId, run, { state: RunState.FINISHED, status, finishUs }, run);
}

type PartSums = Pick<FinishedRun, "keptRefusals" | "refusedFailures"> & {
  readonly counts: Omit<Counts, "foreign">;
};

function message(
  projectId: string,
  run: ShownRun,
  { state, status, finishUs }: DerivedRun,
  { counts, keptRefusals, refusedFailures }: PartSums,
): MessageInitShape<typeof RunSchema> {
  const { texts } = run;
  return {
    runId: run.runId,
    projectId,
    state,
    status,
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
      resultCount: BigInt(counts.accepted),
      passedCount: BigInt(counts.passed),
      failedCount: BigInt(counts.failed),
      erroredCount: BigInt(counts.errored),
      skippedCount: BigInt(counts.skipped),
      precludedCount: BigInt(counts.precluded),
      duration: duration(counts.durationUs),
      lateCount: BigInt(counts.late),
      duplicateCount: BigInt(counts.duplicates),
      conflictCount: BigInt(counts.conflicts),
      rejectedCount: BigInt(keptRefusals),
      rejectedFailureCount: BigInt(refusedFailures),
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
