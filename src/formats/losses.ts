/** What a format could not hold of what was written in it. */
import { Status } from "../../gen/tally/v1/run_pb.js";
import type { PartResult } from "./tries.js";

export interface Losses {
  add(kind: string): void;
  /** How many results have lost what, in the order of first occurrence. */
  entries(): Iterable<readonly [kind: string, count: number]>;
}

/** None so far. */
export function createLosses(): Losses {
  const counts = new Map<string, number>();
  return {
    add: (kind) => void counts.set(kind, (counts.get(kind) ?? 0) + 1),
    entries: () => counts.entries(),
  };
}

/** Counts what neither format holds; `expectedAttempt` is what a reader will number the result. */
export function addCommonLosses(
  { result, part }: PartResult,
  expectedAttempt: number,
  losses: Losses,
): void {
  const { resultId, status, attempt, failure, skipReason } = result;
  const failed = status === Status.FAILED || status === Status.ERRORED;
  const skipped = status === Status.SKIPPED || status === Status.PRECLUDED;
  if (resultId !== "" && !resultId.startsWith(SERVER_MADE)) losses.add("result ids of clients");
  if (part !== undefined && (part.job !== "" || part.attempt > 1 || part.shardTotal > 0)) {
    losses.add("job, shard and CI attempt");
  }
  if (Math.max(1, attempt) !== expectedAttempt) losses.add("attempts that do not count from 1");
  if (result.repeatIndex > 0) losses.add("repeat indexes");
  if (failure !== undefined && !failed) losses.add("failures of results that did not fail");
  if (skipReason !== "" && !skipped) losses.add("skip reasons of results that were not skipped");
  if (result.truncations.length > 0) losses.add("notes of what was cut");
  if (result.repairedFields.length > 0) losses.add("notes of what was no valid text");
}

/** Begins the ids that a server makes of part, attempt and repeat; it will make others, just as good. */
const SERVER_MADE = "~";
