import { Field } from "../../ui/field.js";

/** A simulated failure: none, at a point of the call, or one with a number. */
export interface FaultChoice {
  readonly name: FaultName;
  readonly number: string;
}

export const NO_FAULT: FaultChoice = { name: "", number: "" };

type FaultName = keyof typeof FAULTS;

/** What the header `tally-fault` says; empty for none. */
export function faultHeader({ name, number }: FaultChoice): string {
  return FAULTS[name].unit === "" ? name : `${name}=${number}`;
}

/** The choice; a number is asked for where the failure has one. */
export function FaultFields({
  fault,
  onChoose,
}: {
  readonly fault: FaultChoice;
  onChoose(fault: FaultChoice): void;
}) {
  const { hint, unit, max } = FAULTS[fault.name];
  return (
    <div className="send-pair">
      <Field label="Simulated failure" hint={hint}>
        {(props) => (
          <select
            {...props}
            value={fault.name}
            onChange={(event) => {
              const name = event.target.value as FaultName;
              onChoose({ name, number: FAULTS[name].byDefault });
            }}
          >
            {Object.entries(FAULTS).map(([name, { text }]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        )}
      </Field>
      {unit !== "" && (
        <Field label={unit}>
          {(props) => (
            <input
              {...props}
              type="number"
              required
              min={1}
              max={max}
              value={fault.number}
              onChange={(event) => onChoose({ ...fault, number: event.target.value })}
            />
          )}
        </Field>
      )}
    </div>
  );
}

interface Fault {
  readonly text: string;
  readonly hint: string;
  readonly unit: string;
  readonly byDefault: string;
  readonly max: number;
}

const at = (text: string, hint: string): Fault => ({ text, hint, unit: "", byDefault: "", max: 0 });

const FAULTS = {
  "": at("None", "This server lets callers ask for failures, to see that nothing counts twice."),
  "before-commit": at("Before the commit", "Nothing is stored, and the call fails."),
  "after-commit": at("After the commit", "The event is stored, yet the call fails."),
  "before-ack": at("Before the answer", "All is done, and only the answer is lost."),
  delay: {
    text: "Delay",
    hint: "The call waits before anything is stored.",
    unit: "Milliseconds",
    byDefault: "2000",
    max: 60_000,
  },
  worker: {
    text: "Failing worker",
    hint: "The first attempts at a queued event fail; choose Queue.",
    unit: "Attempts",
    byDefault: "2",
    max: 100,
  },
} as const satisfies Record<string, Fault>;
