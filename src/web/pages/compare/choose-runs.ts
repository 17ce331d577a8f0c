import { type Run, RunState } from "../../../../gen/tally/v1/run_pb.js";

/** Ids of the two runs to compare; empty where there is none to choose. */
export interface RunPair {
  readonly base: string;
  readonly head: string;
}

/**
 * The pair with what it lacks filled in from the recent runs, newest first: the head is the newest that has finished, the base the
 * newest one before it.
 */
export function chooseRuns({ base, head }: RunPair, recent: readonly Run[]): RunPair {
  const finished = recent
    .filter(({ state }) => state === RunState.FINISHED)
    .map(({ runId }) => runId);
  const chosenHead = head || finished.find((runId) => runId !== base) || "";
  if (base !== "") return { base, head: chosenHead };
  const after = finished.slice(finished.indexOf(chosenHead) + 1);
  return { base: after.find((runId) => runId !== chosenHead) ?? "", head: chosenHead };
}
