import type { ReactNode } from "react";
import { Field } from "./field.js";

/** A labelled line of text that the browser neither fills in nor corrects, with a hint, and what is wrong with it below. */
export function TextField({
  label,
  hint,
  problems = [],
  value,
  onChange,
  ...rest
}: {
  readonly label: ReactNode;
  readonly hint?: string;
  readonly problems?: readonly string[];
  readonly value: string;
  readonly name?: string;
  readonly required?: boolean;
  readonly maxLength?: number;
  onChange(value: string): void;
}) {
  return (
    <Field label={label} hint={hint} problems={problems}>
      {(props) => (
        <input
          {...props}
          {...rest}
          value={value}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
