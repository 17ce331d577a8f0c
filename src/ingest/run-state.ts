/** The state and status of a run, derived from its record. Pure: the same record gives the same answer. */
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import type { PartRecord } from "../db/part-records.js";
import type { RunRecord } from "../db/run-records.js";
import type { RunSettlement } from "../db/run-states.js";

export interface DerivedRun {
  readonly state: RunState;
  readonly status: Status;
  /** Microseconds since the epoch; null while the run has not ended. */
  readonly finishUs: number | null;
}

/**
 * RUNNING until every expected shard of every job has finished in its latest attempt, or FinishRun closed
 * the run; then FINISHED, or INCOMPLETE if announced results are missing. ABANDONED in place of RUNNING
 * after a day without traffic, until more comes. Status is the worst over the latest attempt of each (job, shard).
 */
export function deriveRun(run: RunRecord): DerivedRun {
  const shards = latestAttempts(run.parts);
  const state = stateOf(run, shards);
  const ended = state === RunState.FINISHED || state === RunState.INCOMPLETE;
  return {
    state,
    status:
      ((run.closedStatus ?? run.storedStatus) as Status | null) ??
      worst([...shards.values()].flat().map(partStatus)),
    finishUs: ended ? endOf(run) : null,
  };
}

/**
 * What is stored for filters and counts. A RUNNING run has no status there: what it has so far changes with results
 * that do not touch the run's row.
 */
export function settlementOf(
  run: RunRecord,
  { state, status, finishUs }: DerivedRun,
): RunSettlement {
  return {
    state,
    status: state === RunState.RUNNING ? Status.UNSPECIFIED : status,
    finishUs,
    mayLackTests: finishedJobs(run).length > 0,
  };
}

/** The jobs of which no more is expected: all of a closed run, else those whose shards have all finished. */
export function finishedJobs(run: RunRecord): string[] {
  const jobs = new Map<string, PartRecord[]>();
  for (const part of run.parts) {
    const parts = jobs.get(part.job);
    if (parts === undefined) jobs.set(part.job, [part]);
    else parts.push(part);
  }
  const hasFinished = (parts: readonly PartRecord[]) => {
    const shards = latestAttempts(parts);
    const latest = [...shards.values()].flat();
    return latest.every((part) => part.finishedUs !== null) && !hasAbsentShard(parts, shards);
  };
  return [...jobs].flatMap(([job, parts]) =>
    run.closedUs !== null || hasFinished(parts) ? [job] : [],
  );
}

/** The status of a part: as given when it finished, else derived from its results. */
export function partStatus(part: PartRecord): Status {
  if (part.finishStatus !== null) return part.finishStatus as Status;
  const { counts } = part;
  if (part.hasErrored) return Status.ERRORED;
  if (part.hasFailed) return Status.FAILED;
  if (counts.passed + counts.failed + counts.errored > 0) return Status.PASSED;
  if (counts.skipped + counts.precluded > 0) return Status.SKIPPED;
  return Status.UNSPECIFIED;
}

/** What a part announced and is neither stored nor kept as refused; 0 if it announced nothing. */
export function missingCount(part: PartRecord): number {
  if (part.expectedCount === null) return 0;
  const { accepted, foreign } = part.counts;
  return Math.max(0, part.expectedCount - accepted - foreign - part.keptRefusals);
}

/** For each (job, shard), the parts of its latest attempt: several where several producers send. */
function latestAttempts(parts: readonly PartRecord[]): Map<string, PartRecord[]> {
  const shards = new Map<string, PartRecord[]>();
  for (const part of parts) {
    const key = shardKey(part.job, part.shardIndex);
    const latest = shards.get(key);
    const attempt = latest?.[0]?.attempt ?? 0;
    if (latest === undefined || part.attempt > attempt) shards.set(key, [part]);
    else if (part.attempt === attempt) latest.push(part);
  }
  return shards;
}

function stateOf(run: RunRecord, shards: ReadonlyMap<string, readonly PartRecord[]>): RunState {
  if (run.closedUs !== null)
    return isComplete(run, shards) ? RunState.FINISHED : RunState.INCOMPLETE;
  const latest = [...shards.values()].flat();
  const allFinished = latest.length > 0 && latest.every((part) => part.finishedUs !== null);
  if (!allFinished || hasAbsentShard(run.parts, shards)) {
    return run.abandoned ? RunState.ABANDONED : RunState.RUNNING;
  }
  return run.parts.some((part) => missingCount(part) > 0) ? RunState.INCOMPLETE : RunState.FINISHED;
}

/** Whether a run that FinishRun closed has all that was announced. */
function isComplete(run: RunRecord, shards: ReadonlyMap<string, readonly PartRecord[]>): boolean {
  if (run.parts.some((part) => missingCount(part) > 0)) return false;
  if (run.closedExpectedCount !== null) {
    const had = run.parts.reduce((sum, part) => sum + part.counts.accepted + part.keptRefusals, 0);
    return had >= run.closedExpectedCount;
  }
  const unfinished = [...shards.values()]
    .flat()
    .some((part) => part.streamed && part.finishedUs === null);
  return !unfinished && !hasAbsentShard(run.parts, shards);
}

/** A job expects as many shards as its parts say at most. */
function hasAbsentShard(
  parts: readonly PartRecord[],
  shards: ReadonlyMap<string, readonly PartRecord[]>,
): boolean {
  const totals = new Map<string, number>();
  for (const { job, shardTotal } of parts) {
    totals.set(job, Math.max(totals.get(job) ?? 0, shardTotal));
  }
  for (const [job, total] of totals) {
    for (let index = 1; index <= total; index++) {
      if (!shards.has(shardKey(job, index))) return true;
    }
  }
  return false;
}

/** When the last part ended: as its producer said, else when the server took its finish, or that of the run. */
function endOf(run: RunRecord): number {
  if (run.closedFinishUs !== null) return run.closedFinishUs;
  const ends = run.parts.map((part) => part.finishUs ?? part.finishedUs ?? run.closedUs ?? 0);
  const last = Math.max(0, ...ends);
  return last > 0 ? last : (run.closedUs ?? run.createUs);
}

/** ERRORED, FAILED, PASSED, SKIPPED, in this order; unspecified if nothing is known. */
function worst(statuses: readonly Status[]): Status {
  return SEVERITY.find((status) => statuses.includes(status)) ?? Status.UNSPECIFIED;
}

const SEVERITY = [Status.ERRORED, Status.FAILED, Status.PASSED, Status.SKIPPED];

const shardKey = (job: string, index: number) => `${index}:${job}`;
