import { type Run, RunState } from "../../../../gen/tally/v1/run_pb.js";
import { formatTime, millisOf } from "../../format/times.js";
import { Callout } from "../../ui/callout.js";
import { useNow } from "../../ui/use-now.js";

/** What must be known before the rest is read; nothing that changes while a run goes on. */
export function RunNotices({ run }: { readonly run: Run }) {
  const now = useNow();
  const expiredAt = millisOf(run.expireTime);
  return (
    <>
      {expiredAt !== undefined && expiredAt <= now && (
        <Callout tone="info">
          The results of this run left on {formatTime(expiredAt)}, by the project's retention. Its
          totals stay.
        </Callout>
      )}
      {run.state === RunState.ABANDONED && (
        <Callout tone="warned">
          A day passed without a word before this run finished: a job may have been cancelled, or
          could not reach Tally.
        </Callout>
      )}
    </>
  );
}
