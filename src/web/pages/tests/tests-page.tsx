/** All tests of a project with results in the window, in the order that is asked for. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useMemo } from "react";
import { StatsService, TestSort } from "../../../../gen/tally/v1/stats_service_pb.js";
import { plural } from "../../format/numbers.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { Button } from "../../ui/button.js";
import { Choice } from "../../ui/choice.js";
import { DataTable } from "../../ui/data-table.js";
import { Page } from "../../ui/page.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { TextFilter } from "../../ui/text-filter.js";
import { useKeptUp } from "../../ui/use-kept-up.js";
import { daysQuery, useParam, useWindowDays } from "../../ui/use-params.js";
import { WindowChoice } from "../../ui/window-choice.js";
import type { ProjectPageProps } from "../project-page.js";
import { testColumns } from "./test-columns.js";
import "../../styles/tests.css";

export default function TestsPage({ projectId }: ProjectPageProps) {
  const [days] = useWindowDays();
  const [sort, setSort] = useParam("sort", "failures", SORTS);
  const [text, setText] = useParam<string>("text", "");
  const tests = useInfiniteQuery(
    StatsService.method.listTests,
    { projectId, windowDays: days, sort: ORDERS[sort].sort, text, pageSize: 100, pageToken: "" },
    {
      ...byPageToken,
      ...useKeptUp(),
    },
  );
  const rows = useMemo(() => tests.data?.pages.flatMap((page) => page.tests) ?? [], [tests.data]);
  const columns = useMemo(
    () => testColumns((testId) => paths.test(projectId, testId, daysQuery(days)), projectId),
    [projectId, days],
  );
  const testCount = tests.data?.pages[0]?.testCount;
  return (
    <Page
      title="Tests"
      actions={testCount !== undefined && <span className="soft">{plural(testCount, "test")}</span>}
      filters={
        <>
          <TextFilter
            label="Search"
            value={text}
            placeholder="Name, suite, file"
            onFilter={setText}
          />
          <Choice
            label="Order"
            value={sort}
            options={SORTS.map((value) => ({ value, text: ORDERS[value].text }))}
            onChoose={setSort}
          />
          <WindowChoice />
        </>
      }
    >
      <QueryView query={tests} rows={14}>
        {() =>
          rows.length === 0 && !tests.hasNextPage ? (
            <NoTests text={text} onClear={() => setText("")} days={days} />
          ) : (
            <DataTable
              label="Tests"
              rows={rows}
              rowKey={({ testId }) => testId}
              columns={columns}
              more={tests}
            />
          )
        }
      </QueryView>
    </Page>
  );
}

const ORDERS = {
  failures: { sort: TestSort.FAILURES, text: "Most failures" },
  rate: { sort: TestSort.FAILURE_RATE, text: "Highest failure rate" },
  flaky: { sort: TestSort.FLAKE_RATE, text: "Highest flake rate" },
  p95: { sort: TestSort.P95_DURATION, text: "Longest p95" },
  total: { sort: TestSort.TOTAL_TIME, text: "Longest total time" },
  seen: { sort: TestSort.LAST_SEEN, text: "Last seen" },
} as const;
const SORTS = Object.keys(ORDERS) as readonly (keyof typeof ORDERS)[];

function NoTests({
  text,
  days,
  onClear,
}: {
  readonly text: string;
  readonly days: number;
  onClear(): void;
}) {
  if (text !== "") {
    return (
      <Empty title="No test matches.">
        <p>The text is looked for in names, suites, files and parameters, whatever its case.</p>
        <Button onClick={onClear}>Clear the search</Button>
      </Empty>
    );
  }
  return (
    <Empty title={days === 1 ? "No test ran today." : `No test ran in the last ${days} days.`}>
      <p>Choose a longer window, or send a run: the overview says how.</p>
    </Empty>
  );
}
