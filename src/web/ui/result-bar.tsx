import type { RunTotals } from "../../../gen/tally/v1/run_pb.js";
import type { ResultCounts } from "../../../gen/tally/v1/stats_pb.js";
import { formatCount } from "../format/numbers.js";
import "../styles/result-bar.css";

/** Results by status as a thin bar; the numbers stand elsewhere, or are hovered over. */
export function ResultBar({ counts }: { readonly counts: RunTotals | ResultCounts | undefined }) {
  const parts = statusParts(counts).filter(({ count }) => count > 0n);
  const title = parts.map(({ text, count }) => `${formatCount(count)} ${text}`).join(", ");
  return (
    <span className="result-bar" role="img" aria-label={title || "no results"} title={title}>
      {parts.map(({ text, tone, count }) => (
        <span key={text} style={{ flexGrow: Number(count), background: `var(--${tone})` }} />
      ))}
    </span>
  );
}

function statusParts(counts: RunTotals | ResultCounts | undefined) {
  return [
    { text: "failed", tone: "failed", count: counts?.failedCount ?? 0n },
    { text: "errored", tone: "errored", count: counts?.erroredCount ?? 0n },
    { text: "passed", tone: "passed", count: counts?.passedCount ?? 0n },
    {
      text: "skipped or precluded",
      tone: "line-strong",
      count: (counts?.skippedCount ?? 0n) + (counts?.precludedCount ?? 0n),
    },
  ];
}
