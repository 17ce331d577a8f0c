import type { ReactNode } from "react";

/** A figure with its name above and what it means below. */
export function CountStat({
  name,
  value,
  note,
}: {
  readonly name: string;
  readonly value: ReactNode;
  readonly note?: ReactNode;
}) {
  return (
    <div className="card stat">
      <span className="soft small">{name}</span>
      <span className="stat-value">{value}</span>
      {note && <span className="soft small">{note}</span>}
    </div>
  );
}
