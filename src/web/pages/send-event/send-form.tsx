import { TextField } from "../../ui/text-field.js";
import type { EventForm, FieldName } from "./event-form.js";

/** The fields of an event, each with what is wrong with it. */
export function SendForm({
  form,
  problems,
  onChange,
}: {
  readonly form: EventForm;
  readonly problems: Readonly<Partial<Record<FieldName, readonly string[]>>>;
  onChange(form: EventForm): void;
}) {
  return (
    <div className="send-fields">
      {fields.map(({ name, label, hint }) => (
        <TextField
          key={name}
          name={name}
          label={label}
          hint={hint}
          problems={problems[name] ?? []}
          value={form[name]}
          onChange={(value) => onChange({ ...form, [name]: value })}
        />
      ))}
    </div>
  );
}

const fields: readonly { name: FieldName; label: string; hint: string }[] = [
  { name: "source", label: "Source", hint: "The client or site that it is from" },
  { name: "metric", label: "Metric", hint: "What is counted, such as revenue" },
  { name: "amount", label: "Amount", hint: "An exact decimal: 1200, -3.50 or 1,200.00" },
  {
    name: "timestamp",
    label: "Timestamp",
    hint: "ISO 8601, 2024/01/31, or since 1970",
  },
  { name: "path", label: "Path", hint: "The page or resource; optional" },
  { name: "user", label: "User", hint: "Who did it; optional" },
];
