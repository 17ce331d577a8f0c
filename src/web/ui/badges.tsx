/** Words with their colours: of statuses, states and verdicts. The word says it, the colour repeats it. */
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { Verdict } from "../../../gen/tally/v1/stats_pb.js";

/** A word on a coloured ground. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: string }) {
  return <span className={`badge badge-${tone}`}>{children}</span>;
}

/** The colours of words. */
export type Tone = "passed" | "failed" | "errored" | "skipped" | "warned" | "flaky" | "accent";

/** A status of a result, a part or a run. */
export function StatusBadge({ status }: { readonly status: Status }) {
  const { tone, text } = statusWords[status];
  return <Badge tone={tone}>{text}</Badge>;
}

/** How far a run has come. */
export function RunStateBadge({ state }: { readonly state: RunState }) {
  const { tone, text } = stateWords[state];
  return <Badge tone={tone}>{text}</Badge>;
}

/** What the evidence says of a test. */
export function VerdictBadge({ verdict }: { readonly verdict: Verdict }) {
  const { tone, text } = verdictWords[verdict];
  return <Badge tone={tone}>{text}</Badge>;
}

/** The word and the colour of every status. */
export const statusWords: Readonly<Record<Status, { readonly tone: Tone; readonly text: string }>> =
  {
    [Status.UNSPECIFIED]: { tone: "skipped", text: "No status" },
    [Status.PASSED]: { tone: "passed", text: "Passed" },
    [Status.FAILED]: { tone: "failed", text: "Failed" },
    [Status.ERRORED]: { tone: "errored", text: "Errored" },
    [Status.SKIPPED]: { tone: "skipped", text: "Skipped" },
    [Status.PRECLUDED]: { tone: "skipped", text: "Precluded" },
  };

const stateWords: Readonly<Record<RunState, { readonly tone: Tone; readonly text: string }>> = {
  [RunState.UNSPECIFIED]: { tone: "skipped", text: "Unknown" },
  [RunState.RUNNING]: { tone: "accent", text: "Running" },
  [RunState.FINISHED]: { tone: "skipped", text: "Finished" },
  [RunState.INCOMPLETE]: { tone: "warned", text: "Incomplete" },
  [RunState.ABANDONED]: { tone: "warned", text: "Abandoned" },
};

const verdictWords: Readonly<Record<Verdict, { readonly tone: Tone; readonly text: string }>> = {
  [Verdict.UNSPECIFIED]: { tone: "skipped", text: "Unknown" },
  [Verdict.UNKNOWN]: { tone: "skipped", text: "Unknown" },
  [Verdict.HEALTHY]: { tone: "passed", text: "Healthy" },
  [Verdict.FLAKY]: { tone: "flaky", text: "Flaky" },
  [Verdict.RECOVERED]: { tone: "accent", text: "Recovered" },
  [Verdict.BROKEN]: { tone: "failed", text: "Broken" },
};
