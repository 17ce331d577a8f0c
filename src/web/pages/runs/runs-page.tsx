/** All runs of a project, newest first, as they happen. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useCallback, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { plural } from "../../format/numbers.js";
import { LiveMark } from "../../live/live-mark.js";
import { useReconnected } from "../../live/use-reconnected.js";
import { useWatchedRuns } from "../../live/use-watched-runs.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { Button } from "../../ui/button.js";
import { Callout } from "../../ui/callout.js";
import { DataTable } from "../../ui/data-table.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { useHeldRows } from "../../ui/use-held-rows.js";
import type { ProjectPageProps } from "../project-page.js";
import { FirstRun } from "./first-run.js";
import { mergeRuns } from "./merge-runs.js";
import { runColumns } from "./run-columns.js";
import { isEmptyFilter, labelProblem, listRunsInput, matchesFilter } from "./run-filter.js";
import { RunFilters } from "./run-filters.js";
import { useRunFilter } from "./use-run-filter.js";
import "../../styles/runs.css";

/** The page; two of its runs can be picked and compared. */
export default function RunsPage({ projectId }: ProjectPageProps) {
  const { filter, change, clear } = useRunFilter();
  const problem = labelProblem(filter.label);
  const asked = problem === undefined ? filter : { ...filter, label: "" };
  const query = useInfiniteQuery(
    StatsService.method.listRuns,
    listRunsInput(projectId, asked),
    byPageToken,
  );
  const watched = useWatchedRuns({ projectId, branch: filter.branch });
  useReconnected(watched.isLive, query.refetch);
  const listed = query.data?.pages.flatMap(({ runs }) => runs) ?? [];
  const all = mergeRuns(
    listed,
    watched.runs,
    (run) => matchesFilter(run, asked),
    query.hasNextPage,
  );
  const { shown, heldCount } = useHeldRows(all, ({ runId }) => runId);
  const [picked, setPicked] = useState<readonly string[]>([]);
  const toggle = useCallback(
    (runId: string) =>
      setPicked((before) =>
        before.includes(runId) ? before.filter((id) => id !== runId) : [...before, runId].slice(-2),
      ),
    [],
  );
  const columns = useMemo(
    () => runColumns(projectId, { picked, toggle }),
    [projectId, picked, toggle],
  );
  return (
    <Page
      title="Runs"
      actions={
        <>
          <LiveMark isLive={watched.isLive} />
          <span className="wide-only">
            <CompareButton
              projectId={projectId}
              picked={shown.map(({ runId }) => runId).filter((id) => picked.includes(id))}
            />
          </span>
        </>
      }
      filters={
        <RunFilters projectId={projectId} filter={filter} onChange={change} onClear={clear} />
      }
    >
      {problem !== undefined && <Callout tone="warned">{problem}</Callout>}
      <QueryView query={query} rows={14}>
        {() => {
          if (all.length > 0 || query.hasNextPage) {
            return (
              <DataTable
                label="Runs"
                rows={shown}
                rowKey={({ runId }) => runId}
                columns={columns}
                more={query}
              />
            );
          }
          return isEmptyFilter(filter) ? (
            <FirstRun projectId={projectId} watched={watched} />
          ) : (
            <Empty title="No run matches.">
              <p>Branch and commit must be the whole text.</p>
              <Button onClick={clear}>Show all runs</Button>
            </Empty>
          );
        }}
      </QueryView>
      {heldCount > 0 && (
        <div className="held-rows">
          <Button kind="primary" onClick={() => window.scrollTo({ top: 0 })}>
            {plural(heldCount, "new run")} ↑
          </Button>
        </div>
      )}
    </Page>
  );
}

/** Goes to the comparison of the two runs, of which the newer comes first. */
function CompareButton({
  projectId,
  picked,
}: {
  readonly projectId: string;
  readonly picked: readonly string[];
}) {
  const [, navigate] = useLocation();
  const [head, base] = picked;
  return (
    <Button
      disabled={head === undefined || base === undefined}
      title="Pick two runs by their boxes"
      onClick={() => navigate(paths.compare(projectId, { base, head }))}
    >
      Compare {picked.length} of 2
    </Button>
  );
}
