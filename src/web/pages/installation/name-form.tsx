import { type FormEvent, useState } from "react";
import { Button } from "../../ui/button.js";
import { errorText, violationsOf } from "../../ui/error-text.js";
import { TextField } from "../../ui/text-field.js";
import { Unseen } from "../../ui/unseen.js";

/** Makes something that has only a name; the field is empty again once that is done. */
export function NameForm({
  label,
  button,
  of,
  isPrimary = false,
  onSubmit,
}: {
  readonly label: string;
  readonly button: string;
  /** Where it is made, where a page has several such forms. */
  readonly of?: string;
  readonly isPrimary?: boolean;
  onSubmit(name: string): Promise<void>;
}) {
  const [name, setName] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await onSubmit(name);
      setName("");
    } catch (thrown) {
      setError(thrown);
    }
    setBusy(false);
  };
  const problems = error === null ? [] : violationsOf(error).map((each) => each.description);
  if (error !== null && problems.length === 0) problems.push(errorText(error));
  return (
    <form className="name-form" onSubmit={submit}>
      <TextField
        label={
          <>
            {label}
            <Unseen text={of} />
          </>
        }
        problems={problems}
        required
        value={name}
        onChange={setName}
      />
      <Button kind={isPrimary ? "primary" : "plain"} type="submit" isBusy={isBusy}>
        {button}
        <Unseen text={of} />
      </Button>
    </form>
  );
}
