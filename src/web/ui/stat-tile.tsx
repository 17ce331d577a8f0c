import type { Change } from "../format/changes.js";
import "../styles/stat-tile.css";

/** A figure of a `dl`, with its name, a detail below, and how it changed: a dash where `change` is null. */
export function StatTile({
  label,
  value,
  title,
  detail,
  change,
}: {
  readonly label: string;
  readonly value: string;
  readonly title?: string | undefined;
  readonly detail: string;
  readonly change?: Change | null;
}) {
  return (
    <div className="card stat">
      <dt className="soft small">{label}</dt>
      <dd className="stat-value" title={title}>
        {value}
      </dd>
      <dd className="small soft line">{detail}</dd>
      {change !== undefined && (
        <dd
          className={`small line stat-${change?.tone ?? "even"}`}
          title={TITLES[change?.tone ?? "even"]}
        >
          {change?.text ?? "–"}
        </dd>
      )}
    </div>
  );
}

const TITLES = {
  better: "Against as long a time before: better, beyond what chance explains.",
  worse: "Against as long a time before: worse, beyond what chance explains.",
  even: "Against as long a time before.",
} as const;
