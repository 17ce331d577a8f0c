/** What is shown of a run. */
import { useState } from "react";
import { type Run, RunState } from "../../../../gen/tally/v1/run_pb.js";
import type { StoredResult } from "../../../../gen/tally/v1/stats_pb.js";
import type { GetRunResponse } from "../../../../gen/tally/v1/stats_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { LiveMark } from "../../live/live-mark.js";
import { Badge } from "../../ui/badges.js";
import { Page } from "../../ui/page.js";
import { RunBadges } from "../../ui/run-badges.js";
import { Tabs } from "../../ui/tabs.js";
import { useParam } from "../../ui/use-params.js";
import { FailingTests } from "./failing-tests.js";
import { FailureGroups } from "./failure-groups.js";
import { MissingTests } from "./missing-tests.js";
import { PartTable } from "./part-table.js";
import { PreviousRun } from "./previous-run.js";
import { ResultList } from "./result-list.js";
import { RunFacts } from "./run-facts.js";
import { RunNotices } from "./run-notices.js";
import { RunTotalsView } from "./run-totals-view.js";
import { unseenShards } from "./unseen-shards.js";
import { useFailureGroups } from "./use-failure-groups.js";

const VIEWS = ["failures", "groups", "results", "parts", "missing"] as const;

/** The page of a run that exists; `details` may be older than `run`. */
export function RunView({
  projectId,
  run,
  details,
  liveFailures,
  isLive,
}: {
  readonly projectId: string;
  readonly run: Run;
  readonly details: GetRunResponse;
  readonly liveFailures: readonly StoredResult[];
  readonly isLive: boolean;
}) {
  const { runId, totals } = run;
  const failing = (totals?.failedCount ?? 0n) + (totals?.erroredCount ?? 0n);
  // What is shown first is settled once: it does not change under the reader's eyes.
  const [first] = useState(
    failing > 0n || run.state === RunState.RUNNING ? ("failures" as const) : ("results" as const),
  );
  const [chosen] = useParam<(typeof VIEWS)[number] | "">("view", "", VIEWS);
  const view = chosen === "" ? first : chosen;
  const groups = useFailureGroups(projectId, runId, failing);
  const isOutage = groups.data?.groups.some(({ probableOutageRunIds }) =>
    probableOutageRunIds.includes(runId),
  );
  const { parts, partsTruncated, missingTests, missingTestCount } = details;
  // Of a list that is cut, what it lacks says nothing.
  const unseen = partsTruncated ? [] : unseenShards(parts);
  return (
    <Page
      title={displayText(runId, 120)}
      heading={
        <span className="run-heading">
          <bdi>{displayText(runId, 300)}</bdi>
          <RunBadges run={run} />
          {isOutage && <Badge tone="warned">Probable outage</Badge>}
        </span>
      }
      actions={<LiveMark isLive={isLive} />}
    >
      <RunNotices run={run} />
      <RunFacts projectId={projectId} run={run} />
      <RunTotalsView
        projectId={projectId}
        run={run}
        parts={parts}
        isTruncated={partsTruncated}
        unseenCount={unseen.length}
      />
      <PreviousRun projectId={projectId} run={run} />
      <Tabs
        label="Parts of this page"
        name="view"
        chosen={view}
        tabs={[
          { value: "failures", text: "Failures", count: failing, isBad: true },
          { value: "groups", text: "Failure groups" },
          { value: "results", text: "Results", count: totals?.resultCount ?? 0n },
          { value: "parts", text: "Parts", count: parts.length },
          { value: "missing", text: "Missing tests", count: missingTestCount, isBad: true },
        ]}
      />
      {view === "failures" && (
        <FailingTests
          projectId={projectId}
          run={run}
          failingCount={failing}
          liveFailures={liveFailures}
        />
      )}
      {view === "groups" && (
        <FailureGroups projectId={projectId} runId={runId} failingCount={failing} query={groups} />
      )}
      {view === "results" && <ResultList projectId={projectId} run={run} />}
      {view === "parts" && <PartTable parts={parts} isTruncated={partsTruncated} unseen={unseen} />}
      {view === "missing" && (
        <MissingTests projectId={projectId} tests={missingTests} count={missingTestCount} />
      )}
    </Page>
  );
}
