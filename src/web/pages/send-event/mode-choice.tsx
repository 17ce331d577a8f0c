import { EventMode } from "../../../../gen/tally/v1/event_pb.js";

/** Whether the event is processed before the answer or after it. */
export function ModeChoice({
  mode,
  onChoose,
}: {
  readonly mode: EventMode;
  onChoose(mode: EventMode): void;
}) {
  return (
    <fieldset className="modes">
      <legend>When it is processed</legend>
      {[
        { value: EventMode.WAIT, text: "Wait: before the answer" },
        { value: EventMode.QUEUE, text: "Queue: soon after the answer" },
      ].map(({ value, text }) => (
        <label key={value} className="check">
          <input
            type="radio"
            name="mode"
            checked={mode === value}
            onChange={() => onChoose(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
