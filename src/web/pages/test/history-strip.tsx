/** One mark for each result, oldest first: its form and colour tell the status. */
import { type KeyboardEvent, useRef, useState } from "react";
import { Link } from "wouter";
import { Status } from "../../../../gen/tally/v1/run_pb.js";
import type { StoredResult } from "../../../../gen/tally/v1/stats_pb.js";
import { displayText } from "../../format/display-text.js";
import { formatTime, millisOf } from "../../format/times.js";
import { paths } from "../../routes.js";
import { statusWords } from "../../ui/badges.js";

/** `results` are newest first. The strip is one stop of the Tab key; arrows go from mark to mark. */
export function HistoryStrip({
  projectId,
  results,
}: {
  readonly projectId: string;
  readonly results: readonly StoredResult[];
}) {
  const list = useRef<HTMLOListElement>(null);
  const shown = results.toReversed();
  const [current, setCurrent] = useState(shown.length - 1);
  if (shown.length === 0) return <p className="soft">No result is kept.</p>;
  const move = (event: KeyboardEvent) => {
    const next = nextMark(event.key, current, shown.length);
    if (next === undefined) return;
    event.preventDefault();
    setCurrent(next);
    list.current?.querySelectorAll<HTMLAnchorElement>("a")[next]?.focus();
  };
  return (
    <div className="card strip-card">
      <ol ref={list} className="strip" aria-label="Results, oldest first" onKeyDown={move}>
        {shown.map((stored, index) => {
          const text = markText(stored);
          const status = stored.result?.status ?? Status.UNSPECIFIED;
          return (
            <li key={`${stored.runId} ${stored.result?.resultId}`}>
              <Link
                href={paths.run(projectId, stored.runId)}
                className={`mark mark-${statusWords[status].tone}${stored.flaky ? " mark-contradicted" : ""}`}
                tabIndex={index === current ? 0 : -1}
                aria-label={text}
                title={text}
                onFocus={() => setCurrent(index)}
              >
                {SIGNS[status]}
              </Link>
            </li>
          );
        })}
      </ol>
      <Legend results={shown} />
    </div>
  );
}

function Legend({ results }: { readonly results: readonly StoredResult[] }) {
  const statuses = [...new Set(results.map(({ result }) => result?.status ?? Status.UNSPECIFIED))];
  return (
    <p className="strip-legend soft small">
      {statuses.sort().map((status) => (
        <span key={status}>
          <span className={`mark mark-${statusWords[status].tone}`} aria-hidden="true">
            {SIGNS[status]}
          </span>{" "}
          {statusWords[status].text}
        </span>
      ))}
      {results.some(({ flaky }) => flaky) && (
        <span>
          <span className="mark mark-failed mark-contradicted" aria-hidden="true">
            {SIGNS[Status.FAILED]}
          </span>{" "}
          Failed, and passed on the same code
        </span>
      )}
    </p>
  );
}

const SIGNS: Readonly<Record<Status, string>> = {
  [Status.UNSPECIFIED]: "",
  [Status.PASSED]: "",
  [Status.FAILED]: "×",
  [Status.ERRORED]: "!",
  [Status.SKIPPED]: "–",
  [Status.PRECLUDED]: "·",
};

function markText({ result, runId, runStartTime, flaky, late }: StoredResult): string {
  const words = [
    statusWords[result?.status ?? Status.UNSPECIFIED].text,
    flaky ? "flaky" : "",
    late ? "late" : "",
    (result?.attempt ?? 1) > 1 ? `attempt ${result?.attempt}` : "",
    displayText(runId, 60),
    formatTime(millisOf(runStartTime) ?? 0),
  ];
  return words.filter(Boolean).join(", ");
}

function nextMark(key: string, current: number, count: number): number | undefined {
  switch (key) {
    case "ArrowLeft":
      return Math.max(0, current - 1);
    case "ArrowRight":
      return Math.min(count - 1, current + 1);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}
