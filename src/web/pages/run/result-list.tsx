/** All results of a run, to be narrowed by status and text. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { type Run, Status } from "../../../../gen/tally/v1/run_pb.js";
import type { StoredResult } from "../../../../gen/tally/v1/stats_pb.js";
import { ResultView, StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { partName } from "../../format/part-name.js";
import { byPageToken } from "../../session/by-page-token.js";
import { Badge, StatusBadge } from "../../ui/badges.js";
import { Button } from "../../ui/button.js";
import { Choice } from "../../ui/choice.js";
import { ExpandingList } from "../../ui/expanding-list.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { TextFilter } from "../../ui/text-filter.js";
import { TestLabel, Took } from "../../ui/texts.js";
import { useFollow } from "../../ui/use-follow.js";
import { useParam } from "../../ui/use-params.js";
import { TestEvidence } from "./test-evidence.js";

const statuses = {
  "": [],
  passed: [Status.PASSED],
  failed: [Status.FAILED],
  errored: [Status.ERRORED],
  skipped: [Status.SKIPPED],
  precluded: [Status.PRECLUDED],
} as const satisfies Readonly<Record<string, readonly Status[]>>;
const names = Object.keys(statuses) as (keyof typeof statuses)[];

/** The filters are in the address; a result shows all attempts of its test when it is opened. */
export function ResultList({ projectId, run }: { readonly projectId: string; readonly run: Run }) {
  const { runId, totals, state } = run;
  const [status, setStatus] = useParam("status", "", names);
  const [text, setText] = useParam<string>("text", "");
  const query = useInfiniteQuery(
    StatsService.method.listResults,
    {
      projectId,
      runId,
      statuses: [...statuses[status]],
      text,
      view: ResultView.BASIC,
      pageSize: 100,
      pageToken: "",
    },
    byPageToken,
  );
  const rows = query.data?.pages.flatMap(({ results }) => results) ?? [];
  const clear = () => {
    setStatus("");
    setText("");
  };
  // More results, the last of which may come as the run ends, unless the reader has gone further than the first page.
  const follows = (query.data?.pages.length ?? 0) < 2;
  useFollow(follows ? `${state} ${totals?.resultCount}` : undefined, query.refetch, 3_000);
  return (
    <>
      <search className="filters" aria-label="Results">
        <Choice
          label="Status"
          value={status}
          options={names.map((value) => ({
            value,
            text: value === "" ? "All" : value.charAt(0).toUpperCase() + value.slice(1),
          }))}
          onChoose={setStatus}
        />
        <TextFilter
          label="Test"
          value={text}
          placeholder="Suite, file or name"
          onFilter={setText}
        />
      </search>
      <QueryView query={query} rows={8}>
        {() =>
          rows.length > 0 || query.hasNextPage ? (
            <ExpandingList
              label="Results"
              rows={rows}
              rowKey={({ testId, result }) => `${testId} ${result?.resultId}`}
              summary={(stored) => <ResultLine stored={stored} />}
              details={({ testId, result }) => (
                <TestEvidence
                  projectId={projectId}
                  runId={runId}
                  testId={testId}
                  test={result?.test}
                />
              )}
              more={query}
            />
          ) : status === "" && text === "" ? (
            <Empty title="This run has no results." />
          ) : (
            <Empty title="No result matches.">
              <Button onClick={clear}>Clear filters</Button>
            </Empty>
          )
        }
      </QueryView>
    </>
  );
}

function ResultLine({ stored: { result, part, late, flaky } }: { readonly stored: StoredResult }) {
  const attempt = result?.attempt ?? 1;
  return (
    <span className="result-line">
      <span className="result-line-badges">
        <StatusBadge status={result?.status ?? Status.UNSPECIFIED} />
        {flaky && <Badge tone="flaky">Flaky</Badge>}
        {late && <Badge tone="warned">Late</Badge>}
      </span>
      <TestLabel test={result?.test} />
      <span className="result-line-message">
        <span className="line">
          <Took duration={result?.duration} />
          {attempt > 1 && <span className="soft"> · attempt {attempt}</span>}
        </span>
        <bdi className="line soft small">
          {displayText(result?.failure?.message || result?.skipReason || partName(part), 300)}
        </bdi>
      </span>
    </span>
  );
}
