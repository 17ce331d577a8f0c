import { useEffect, useEffectEvent, useId, useState } from "react";

/** A text to filter by; `onFilter` gets it when typing has paused, at once on Enter. */
export function TextFilter({
  label,
  value,
  placeholder,
  type = "search",
  list,
  onFilter,
}: {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly type?: "search" | "date";
  /** Id of a datalist with suggestions. */
  readonly list?: string;
  onFilter(value: string): void;
}) {
  const id = useId();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  const filter = useEffectEvent(onFilter);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => filter(typed), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, value]);
  return (
    <span className="choice">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type={type}
        value={typed}
        placeholder={placeholder}
        list={list}
        spellCheck={false}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") onFilter(typed);
        }}
      />
    </span>
  );
}

const PAUSE_MS = 300;
