import { Link } from "wouter";
import type { FlakyTest, TestSummary } from "../../../../gen/tally/v1/stats_pb.js";
import { displayText } from "../../format/display-text.js";
import { verdictText } from "../../format/verdict-text.js";
import { paths } from "../../routes.js";
import { StatusBadge, VerdictBadge } from "../../ui/badges.js";
import { FlakyProof } from "../../ui/flake-evidence.js";
import { Ago } from "../../ui/texts.js";

/** The verdict, what it rests on, and when the test was last seen. */
export function VerdictCard({
  projectId,
  summary: { verdict, lastRunId, lastStatus, lastSeenTime },
  flaky,
  days,
}: {
  readonly projectId: string;
  readonly summary: TestSummary;
  readonly flaky: FlakyTest | undefined;
  readonly days: number;
}) {
  return (
    <section className="card stack" aria-label="Verdict">
      <div className="verdict-line">
        <VerdictBadge verdict={verdict} />
        <strong>{verdictText(verdict, flaky !== undefined)}</strong>
        <span className="soft verdict-seen">
          Last <StatusBadge status={lastStatus} />{" "}
          {lastRunId !== "" && (
            <>
              in{" "}
              <Link href={paths.run(projectId, lastRunId)}>
                <bdi>{displayText(lastRunId, 60)}</bdi>
              </Link>
              ,{" "}
            </>
          )}
          <Ago time={lastSeenTime} />
        </span>
      </div>
      {flaky && <FlakyProof projectId={projectId} flaky={flaky} days={days} />}
    </section>
  );
}
