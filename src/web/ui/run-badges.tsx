import { type Run, RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { RunStateBadge, StatusBadge } from "./badges.js";

/** How a run stands: its status, and its state unless it just finished. */
export function RunBadges({ run: { status, state } }: { readonly run: Run }) {
  return (
    <span className="run-badges">
      {status !== Status.UNSPECIFIED && <StatusBadge status={status} />}
      {(state !== RunState.FINISHED || status === Status.UNSPECIFIED) && (
        <RunStateBadge state={state} />
      )}
    </span>
  );
}
