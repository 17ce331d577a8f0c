/** Which runs tell what broke. */
import { type Run, RunState, Status } from "../../../../gen/tally/v1/run_pb.js";
import type { TestChange } from "../../../../gen/tally/v1/stats_pb.js";
import type { CompareRunsResponse } from "../../../../gen/tally/v1/stats_service_pb.js";

/** The newest run of a branch that has ended, and the one before it: the same one where there is no other. */
export interface NewestRuns {
  readonly head: Run;
  readonly base: Run;
}

/** Of runs, newest first; an empty branch means all. Undefined while none has ended. */
export function newestEnded(runs: readonly Run[], branch: string): NewestRuns | undefined {
  const [head, base] = runs.filter(
    ({ state, source }) =>
      (state === RunState.FINISHED || state === RunState.INCOMPLETE) &&
      (branch === "" || source?.branch === branch),
  );
  return head && { head, base: base ?? head };
}

/** A test that fails, and whether that is news. */
export interface Failing {
  readonly change: TestChange;
  readonly kind: "new" | "added" | "still" | "uncompared";
}

/** Whether the run was compared with itself, since there is none before it. */
export function isUncompared({ base, head }: CompareRunsResponse): boolean {
  return base?.runId === head?.runId;
}

/** What fails in the head run: what newly fails first, then new tests, then what failed before. */
export function failingTests(compared: CompareRunsResponse): readonly Failing[] {
  const all = (changes: readonly TestChange[] | undefined, kind: Failing["kind"]) =>
    (changes ?? []).map((change): Failing => ({ change, kind }));
  const fails = ({ headStatus }: TestChange) =>
    headStatus === Status.FAILED || headStatus === Status.ERRORED;
  return [
    ...all(compared.newlyFailing?.changes, "new"),
    ...all(compared.added?.changes.filter(fails), "added"),
    ...all(compared.stillFailing?.changes, isUncompared(compared) ? "uncompared" : "still"),
  ];
}
