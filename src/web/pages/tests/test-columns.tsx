import { Link } from "wouter";
import type { TestSummary } from "../../../../gen/tally/v1/stats_pb.js";
import { formatCount } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { StatusBadge, VerdictBadge } from "../../ui/badges.js";
import type { Column } from "../../ui/data-table.js";
import { RateText } from "../../ui/rate-text.js";
import { Ago, TestLabel, Took } from "../../ui/texts.js";

/** The columns of tests; `href` is the address of a test. */
export function testColumns(
  href: (testId: string) => string,
  projectId: string,
): readonly Column<TestSummary>[] {
  return [
    {
      key: "test",
      title: "Test",
      width: "minmax(0, 1fr)",
      cell: ({ testId, test }) => (
        <Link href={href(testId)}>
          <TestLabel test={test} />
        </Link>
      ),
    },
    {
      key: "verdict",
      title: "Verdict",
      width: "92px",
      cell: ({ verdict }) => <VerdictBadge verdict={verdict} />,
    },
    {
      key: "results",
      title: "Results",
      width: "64px",
      align: "end",
      wideOnly: true,
      cell: ({ figures }) => formatCount(figures?.results?.resultCount ?? 0n),
    },
    {
      key: "failures",
      title: "Failures",
      width: "64px",
      align: "end",
      wideOnly: true,
      cell: ({ figures }) =>
        formatCount((figures?.results?.failedCount ?? 0n) + (figures?.results?.erroredCount ?? 0n)),
    },
    {
      key: "failure-rate",
      title: "Fail rate",
      width: "66px",
      align: "end",
      cell: ({ figures }) => <RateText rate={figures?.failureRate} />,
    },
    {
      key: "flake-rate",
      title: "Flake rate",
      width: "70px",
      align: "end",
      wideOnly: true,
      cell: ({ figures }) => <RateText rate={figures?.flakeRate} />,
    },
    {
      key: "p95",
      title: "p95",
      width: "80px",
      align: "end",
      wideOnly: true,
      cell: ({ figures }) => <Took duration={figures?.duration?.p95} />,
    },
    {
      key: "total",
      title: "Total",
      width: "80px",
      align: "end",
      wideOnly: true,
      cell: ({ figures }) => <Took duration={figures?.results?.duration} />,
    },
    {
      key: "last",
      title: "Last seen",
      width: "176px",
      wideOnly: true,
      cell: (summary) => <LastSeen projectId={projectId} summary={summary} />,
    },
  ];
}

function LastSeen({
  projectId,
  summary: { lastRunId, lastStatus, lastSeenTime },
}: {
  readonly projectId: string;
  readonly summary: TestSummary;
}) {
  return (
    <span className="last-seen">
      <StatusBadge status={lastStatus} />
      {lastRunId === "" ? (
        <Ago time={lastSeenTime} />
      ) : (
        <Link href={paths.run(projectId, lastRunId)}>
          <Ago time={lastSeenTime} />
        </Link>
      )}
    </span>
  );
}
