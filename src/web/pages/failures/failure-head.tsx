import type { FailureGroup } from "../../../../gen/tally/v1/stats_pb.js";
import { displayText } from "../../format/display-text.js";
import { formatCount } from "../../format/numbers.js";
import { Badge } from "../../ui/badges.js";
import { Ago } from "../../ui/texts.js";

/** What is seen of a group before it is opened. */
export function FailureHead({ group }: { readonly group: FailureGroup }) {
  const { kind, type, failureCount, testCount, runCount, last, probableOutageRunIds } = group;
  const words = [kind, type].filter(Boolean).map((word) => displayText(word, 80));
  return (
    <span className="failure-head">
      <span className="test-label">
        <bdi className="line mono">{failureName(group)}</bdi>
        <span className="failure-words">
          {words.length > 0 && <bdi className="line soft small">{words.join(" · ")}</bdi>}
          {probableOutageRunIds.length > 0 && <Badge tone="warned">Probably an outage</Badge>}
        </span>
      </span>
      <Figure count={failureCount} name="failures" />
      <Figure count={testCount} name="tests" />
      <Figure count={runCount} name="runs" isWideOnly />
      <span className="soft small align-end wide-only">
        <Ago time={last?.result?.runStartTime} />
      </span>
    </span>
  );
}

/** The masked message, in a line. */
function failureName({ maskedMessage }: FailureGroup): string {
  return maskedMessage === ""
    ? "(without a message)"
    : displayText(maskedMessage.replace(/\s+/g, " "), 300);
}

function Figure({
  count,
  name,
  isWideOnly = false,
}: {
  readonly count: bigint;
  readonly name: string;
  readonly isWideOnly?: boolean;
}) {
  return (
    <span className={`failure-figure${isWideOnly ? " wide-only" : ""}`}>
      <strong className="number">{formatCount(count)}</strong>
      <span className="soft small">{count === 1n ? name.slice(0, -1) : name}</span>
    </span>
  );
}
