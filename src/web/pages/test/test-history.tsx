import { Code, ConnectError } from "@connectrpc/connect";
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { Verdict } from "../../../../gen/tally/v1/stats_pb.js";
import {
  type GetTestHistoryResponse,
  StatsService,
} from "../../../../gen/tally/v1/stats_service_pb.js";
import { testName, testPlace } from "../../format/test-name.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { DataTable } from "../../ui/data-table.js";
import { Page, Section } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import type { More } from "../../ui/rows-in-sight.js";
import { useWindowDays } from "../../ui/use-params.js";
import { WindowChoice } from "../../ui/window-choice.js";
import { DayCharts } from "./day-charts.js";
import { DayTable } from "./day-table.js";
import { HistoryStrip } from "./history-strip.js";
import { resultColumns } from "./result-columns.js";
import { TestTiles } from "./test-tiles.js";
import { VerdictCard } from "./verdict-card.js";

/** Everything that is known of a test. */
export function TestHistory({
  projectId,
  testId,
}: {
  readonly projectId: string;
  readonly testId: string;
}) {
  const [days] = useWindowDays();
  const history = useInfiniteQuery(
    StatsService.method.getTestHistory,
    { projectId, testId, windowDays: days, pageSize: 100, pageToken: "" },
    {
      ...byPageToken,
      // The figures of a test follow its results within seconds.
      refetchInterval: ({ state }) =>
        state.data?.pages[0]?.test?.verdict === Verdict.UNKNOWN ? 3_000 : false,
    },
  );
  const test = history.data?.pages[0]?.test?.test;
  const isUnknown =
    history.error !== null && ConnectError.from(history.error).code === Code.NotFound;
  return (
    <Page
      title={test === undefined ? "Test" : testName(test)}
      heading={
        <span className="test-heading">
          <bdi className="test-heading-name">{test === undefined ? "Test" : testName(test)}</bdi>
          <bdi className="soft test-heading-place">{testPlace(test) || "\u00a0"}</bdi>
        </span>
      }
      filters={<WindowChoice />}
    >
      {isUnknown ? (
        <Empty title="This test is not known.">
          <p>
            Its results may have been deleted. Choose one of the{" "}
            <Link href={paths.tests(projectId)}>tests</Link>.
          </p>
        </Empty>
      ) : (
        <QueryView query={history} rows={14}>
          {({ pages }) => <Pages projectId={projectId} pages={pages} days={days} more={history} />}
        </QueryView>
      )}
    </Page>
  );
}

function Pages({
  projectId,
  pages,
  days,
  more,
}: {
  readonly projectId: string;
  readonly pages: readonly GetTestHistoryResponse[];
  readonly days: number;
  readonly more: More;
}) {
  const results = useMemo(() => pages.flatMap((page) => page.results), [pages]);
  const columns = useMemo(() => resultColumns(projectId), [projectId]);
  const [first] = pages;
  if (first?.test === undefined) return null;
  return (
    <>
      <TestTiles summary={first.test} />
      <VerdictCard projectId={projectId} summary={first.test} flaky={first.flaky} days={days} />
      <Section title="History" note="up to 100 results, the newest at the end">
        <HistoryStrip projectId={projectId} results={first.results} />
      </Section>
      {first.days.length > 0 && (
        <Section title="By day" note="UTC, by the start of the run">
          <DayCharts days={first.days} />
          <DayTable days={first.days} />
        </Section>
      )}
      <Section title="Results" note="newest run first, whatever the window">
        {results.length === 0 ? (
          <Empty title="No result is kept.">
            <p>They have left by retention; the figures stay.</p>
          </Empty>
        ) : (
          <DataTable
            label="Results"
            rows={results}
            rowKey={({ runId, result }) => `${runId} ${result?.resultId}`}
            columns={columns}
            more={more}
          />
        )}
      </Section>
    </>
  );
}
