/** Words with their colours: of rejections. */
import { RejectionReason, RejectionState } from "../../../../gen/tally/v1/rejection_pb.js";
import { Badge, type Tone } from "../../ui/badges.js";
import { reasonWords, rejectionStateWords } from "../../ui/rejection-words.js";

/** Why it was refused. */
export function ReasonBadge({ reason }: { readonly reason: RejectionReason }) {
  const tone: Tone =
    reason === RejectionReason.INVALID
      ? "failed"
      : reason === RejectionReason.CONFLICT
        ? "warned"
        : "errored";
  return <Badge tone={tone}>{reasonWords[reason]}</Badge>;
}

/** What became of it. */
export function RejectionStateBadge({ state }: { readonly state: RejectionState }) {
  const tone: Tone =
    state === RejectionState.OPEN
      ? "accent"
      : state === RejectionState.RESOLVED
        ? "passed"
        : "skipped";
  return <Badge tone={tone}>{rejectionStateWords[state]}</Badge>;
}
