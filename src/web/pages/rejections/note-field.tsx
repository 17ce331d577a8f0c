import { Field } from "../../ui/field.js";

/** Why something is dismissed. */
export function NoteField({
  note,
  onChange,
}: {
  readonly note: string;
  onChange(note: string): void;
}) {
  return (
    <Field label="Note" hint="Why it is not needed; kept with the rejection.">
      {(props) => (
        <input
          {...props}
          value={note}
          maxLength={500}
          autoComplete="off"
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
