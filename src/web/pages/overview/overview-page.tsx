/** Whether the tests are healthy, what broke, and what happens now. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { StatsService, TimeUnit } from "../../../../gen/tally/v1/stats_service_pb.js";
import { mainBranch } from "../../format/branches.js";
import { statsWindow } from "../../format/stats-window.js";
import { BranchFilter } from "../../session/branch-filter.js";
import { Page, Section } from "../../ui/page.js";
import { QueryView } from "../../ui/query-view.js";
import { useNow } from "../../ui/use-now.js";
import { useParam, useWindowDays } from "../../ui/use-params.js";
import { WindowChoice } from "../../ui/window-choice.js";
import type { ProjectPageProps } from "../project-page.js";
import { FirstRun } from "../runs/first-run.js";
import { Charts } from "./charts.js";
import { FlakiestTests } from "./flakiest-tests.js";
import { IngestHealth } from "./ingest-health.js";
import { newestEnded } from "./newest-ended.js";
import { NewestRuns } from "./newest-runs.js";
import { SlowestTests } from "./slowest-tests.js";
import { StatTiles } from "./stat-tiles.js";
import { useNewestRuns } from "./use-newest-runs.js";
import { WhatBroke } from "./what-broke.js";
import "../../styles/overview.css";

export default function OverviewPage({ projectId }: ProjectPageProps) {
  const [branch, setBranch] = useParam<string>("branch", "");
  const [days] = useWindowDays();
  const { startMs, beforeStartMs, beforeEndMs } = statsWindow(days, useNow());
  const startTime = timestampFromMs(startMs);
  const unit = days === 1 ? "hour" : "day";
  const again = { refetchInterval: 60_000 };
  const newest = useNewestRuns(projectId, branch);
  const stats = useQuery(
    StatsService.method.getProjectStats,
    { projectId, branch, startTime },
    again,
  );
  const before = useQuery(
    StatsService.method.getProjectStats,
    {
      projectId,
      branch,
      startTime: timestampFromMs(beforeStartMs),
      endTime: timestampFromMs(beforeEndMs),
    },
    { staleTime: Number.POSITIVE_INFINITY },
  );
  const series = useQuery(
    StatsService.method.queryTimeSeries,
    { projectId, branch, startTime, unit: unit === "hour" ? TimeUnit.HOUR : TimeUnit.DAY },
    again,
  );
  // What stands below them asks once these are here: a server that is asked for all at once answers all of it late.
  const top = [stats, series, newest.ofBranch];
  const isTopHere = top.every(({ isPending, failureCount }) => !isPending || failureCount > 0);
  const all = newest.ofAll.data?.runs;
  if (all?.length === 0 && newest.runs?.length === 0) {
    return (
      <Page title="Overview">
        <FirstRun projectId={projectId} watched={newest.watched} />
      </Page>
    );
  }
  const looked = branch === "" ? mainBranch(all ?? []) : branch;
  const note = branch === "" ? "" : "of all branches";
  return (
    <Page
      title="Overview"
      filters={
        <>
          <BranchFilter projectId={projectId} branch={branch} onFilter={setBranch} />
          <WindowChoice />
        </>
      }
    >
      <div className="overview-stats-place">
        <QueryView query={stats} rows={2}>
          {(figures) => <StatTiles stats={figures} before={before.data} />}
        </QueryView>
      </div>
      <div className="overview-now">
        <WhatBroke
          projectId={projectId}
          branch={looked}
          query={newest.ofBranch}
          newest={newest.runs && (newestEnded(newest.runs, looked) ?? null)}
        />
        <NewestRuns
          projectId={projectId}
          branch={branch}
          query={newest.ofBranch}
          runs={newest.runs ?? []}
          isLive={newest.watched.isLive}
        />
      </div>
      <Section title="Over time" note={unit === "hour" ? "by hour, UTC" : "by day, UTC"}>
        <div className="overview-charts">
          <QueryView query={series} rows={4}>
            {(answer) => <Charts series={answer} unit={unit} />}
          </QueryView>
        </div>
      </Section>
      <div className="split overview-figures">
        <FlakiestTests projectId={projectId} days={days} note={note} asks={isTopHere} />
        <SlowestTests projectId={projectId} days={days} note={note} asks={isTopHere} />
      </div>
      <IngestHealth projectId={projectId} asks={isTopHere} />
    </Page>
  );
}
