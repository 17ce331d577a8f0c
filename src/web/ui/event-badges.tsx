/** Words with their colours: of events. */
import { EventState } from "../../../gen/tally/v1/event_pb.js";
import { Badge, type Tone } from "./badges.js";

/** Where an event stands. */
export function EventStateBadge({ state }: { readonly state: EventState }) {
  const { tone, text } = stateWords[state];
  return <Badge tone={tone}>{text}</Badge>;
}

const stateWords: Readonly<Record<EventState, { readonly tone: Tone; readonly text: string }>> = {
  [EventState.UNSPECIFIED]: { tone: "skipped", text: "Unknown" },
  [EventState.QUEUED]: { tone: "accent", text: "Queued" },
  [EventState.PROCESSED]: { tone: "passed", text: "Processed" },
  [EventState.REJECTED]: { tone: "failed", text: "Rejected" },
  [EventState.DROPPED]: { tone: "skipped", text: "Dropped" },
};
