/** Tests that fail in a run, and which of them are news. */
import { Link } from "wouter";
import type { CompareRunsResponse } from "../../../../gen/tally/v1/stats_service_pb.js";
import { formatCount, plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { Badge } from "../../ui/badges.js";
import { Line, TestLabel } from "../../ui/texts.js";
import { type Failing, failingTests, isUncompared } from "./newest-ended.js";

/** How many there are of each kind, then the first of them. */
export function FailingTests({
  projectId,
  compared,
  maxRows,
}: {
  readonly projectId: string;
  readonly compared: CompareRunsResponse;
  readonly maxRows: number;
}) {
  const { head, newlyFailing, stillFailing, fixed, missing, addedFailingCount } = compared;
  const refused = head?.totals?.rejectedFailureCount ?? 0n;
  const failing = failingTests(compared).slice(0, maxRows);
  const count = (newlyFailing?.count ?? 0n) + addedFailingCount + (stillFailing?.count ?? 0n);
  return (
    <div className="rows-card">
      <p className="rows-summary">
        {isUncompared(compared) ? (
          <span>{plural(count, "test fails", "tests fail")}</span>
        ) : (
          <>
            <Count count={newlyFailing?.count} tone="failed" text="newly failing" />
            <Count count={addedFailingCount} tone="failed" text="new and failing" />
            <Count count={stillFailing?.count} tone="skipped" text="still failing" />
            <Count count={fixed?.count} tone="passed" text="fixed" />
            <Count count={missing?.count} tone="warned" text="missing" />
          </>
        )}
        {refused > 0n && <Count count={refused} tone="failed" text="failed and refused" />}
      </p>
      {failing.length === 0 ? (
        <p className="rows-nothing">
          {count > 0n
            ? "They are too many to be told here: compare the runs."
            : refused > 0n
              ? "No result that is stored fails."
              : "Nothing fails."}
        </p>
      ) : (
        <ul className="rows">
          {failing.map((each) => (
            <FailingRow key={each.change.testId} projectId={projectId} failing={each} />
          ))}
        </ul>
      )}
    </div>
  );
}

function Count({
  count = 0n,
  tone,
  text,
}: {
  readonly count: bigint | undefined;
  readonly tone: "failed" | "passed" | "skipped" | "warned";
  readonly text: string;
}) {
  return (
    <span className={count === 0n ? "soft" : `tone-${tone}`}>
      <strong className="number">{formatCount(count)}</strong> {text}
    </span>
  );
}

function FailingRow({
  projectId,
  failing: { change, kind },
}: {
  readonly projectId: string;
  readonly failing: Failing;
}) {
  return (
    <li className="row-of-test row-of-failure">
      <Badge tone={kind === "still" ? "skipped" : "failed"}>{WORDS[kind]}</Badge>
      <Link href={paths.test(projectId, change.testId)}>
        <TestLabel test={change.test} />
      </Link>
      <span className="wide-only small soft">
        <Line text={change.failureMessage.split("\n", 1)[0] ?? ""} />
      </span>
    </li>
  );
}

const WORDS = { new: "Newly", added: "New test", still: "Still", uncompared: "Failing" } as const;
