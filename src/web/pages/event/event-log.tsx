import { type Event, EventStep } from "../../../../gen/tally/v1/event_pb.js";
import { displayText } from "../../format/display-text.js";
import { When } from "../../ui/when.js";

/** What happened to an event, oldest first. */
export function EventLog({ entries }: { readonly entries: Event["log"] }) {
  if (entries.length === 0) return <p className="soft">Nothing is noted of it.</p>;
  return (
    <ol className="card event-log">
      {entries.map((entry) => (
        <li key={`${entry.step} ${entry.time?.seconds}.${entry.time?.nanos}`}>
          <strong>{steps[entry.step]}</strong>
          <When time={entry.time} />
          {entry.actor !== "" && (
            <span className="soft small">
              by <bdi className="mono">{displayText(entry.actor, 100)}</bdi>
            </span>
          )}
          {entry.detail !== "" && (
            <bdi className="event-log-detail">{displayText(entry.detail, 2000)}</bdi>
          )}
        </li>
      ))}
    </ol>
  );
}

const steps: Readonly<Record<EventStep, string>> = {
  [EventStep.UNSPECIFIED]: "Unknown",
  [EventStep.RECEIVED]: "Received",
  [EventStep.PROCESSED]: "Processed",
  [EventStep.ATTEMPT_FAILED]: "Attempt failed",
  [EventStep.REPROCESSED]: "Read anew",
  [EventStep.REJECTED]: "Rejected",
};
