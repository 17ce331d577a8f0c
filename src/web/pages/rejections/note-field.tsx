import { TextField } from "../../ui/text-field.js";

/** Why something is dismissed. */
export function NoteField({
  note,
  onChange,
}: {
  readonly note: string;
  onChange(note: string): void;
}) {
  return (
    <TextField
      label="Note"
      hint="Why it is not needed; kept with the rejection."
      maxLength={500}
      value={note}
      onChange={onChange}
    />
  );
}
