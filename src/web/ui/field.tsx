import { type ReactNode, useId } from "react";

/** What the control of a field must have. */
export interface ControlProps {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean | undefined;
}

/** A labelled control, with a hint, and what is wrong with it below. */
export function Field({
  label,
  hint,
  problems = [],
  children,
}: {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly problems?: readonly string[];
  readonly children: (props: ControlProps) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, problems.length > 0 && `${id}-problems`].filter(Boolean);
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        "aria-describedby": described.join(" ") || undefined,
        "aria-invalid": problems.length > 0 || undefined,
      })}
      {hint && (
        <span id={`${id}-hint`} className="soft small">
          {hint}
        </span>
      )}
      {problems.length > 0 && (
        <div id={`${id}-problems`} role="alert">
          <ul className="field-problems">
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
