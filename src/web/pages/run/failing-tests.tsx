/** The tests that failed in a run, each with its evidence when it is opened. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { type Run, RunState, Status } from "../../../../gen/tally/v1/run_pb.js";
import type { StoredResult } from "../../../../gen/tally/v1/stats_pb.js";
import { ResultView, StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { plural } from "../../format/numbers.js";
import { byPageToken } from "../../session/by-page-token.js";
import { Badge, StatusBadge } from "../../ui/badges.js";
import { ExpandingList } from "../../ui/expanding-list.js";
import { Empty, QueryView } from "../../ui/query-view.js";
import { TestLabel } from "../../ui/texts.js";
import { useFollow } from "../../ui/use-follow.js";
import { type FailingTest, groupByTest } from "./group-by-test.js";
import { RefusedFailures } from "./refused-failures.js";
import { TestEvidence } from "./test-evidence.js";

/** Failures as they come: `liveFailures` are those that the stream told of. */
export function FailingTests({
  projectId,
  run,
  failingCount,
  liveFailures,
}: {
  readonly projectId: string;
  readonly run: Run;
  readonly failingCount: bigint;
  readonly liveFailures: readonly StoredResult[];
}) {
  const { runId } = run;
  const query = useInfiniteQuery(
    StatsService.method.listResults,
    {
      projectId,
      runId,
      statuses: [Status.FAILED, Status.ERRORED],
      view: ResultView.BASIC,
      pageSize: 200,
      pageToken: "",
    },
    byPageToken,
  );
  const listed = query.data?.pages.flatMap(({ results }) => results) ?? [];
  const tests = groupByTest(listed, liveFailures);
  const knownCount = tests.reduce((sum, { results }) => sum + results.length, 0);
  const isBehind = query.data !== undefined && !query.hasNextPage && knownCount < failingCount;
  useFollow(isBehind ? failingCount : undefined, query.refetch, 3_000);
  return (
    <QueryView query={query} rows={8}>
      {() =>
        tests.length > 0 || query.hasNextPage ? (
          <ExpandingList
            label="Failing tests"
            rows={tests}
            rowKey={({ testId }) => testId}
            summary={(test) => <FailingTestLine test={test} />}
            details={({ testId, results: [{ result }] }) => (
              <TestEvidence
                projectId={projectId}
                runId={runId}
                testId={testId}
                test={result?.test}
              />
            )}
            more={query}
          />
        ) : (
          <Nothing projectId={projectId} run={run} failingCount={failingCount} />
        )
      }
    </QueryView>
  );
}

function FailingTestLine({ test: { results } }: { readonly test: FailingTest }) {
  const last = results.at(-1) ?? results[0];
  const jobs = new Set(results.map(({ part }) => part?.job).filter(Boolean));
  const isFlaky = results.some(({ flaky }) => flaky);
  return (
    <span className="result-line">
      <span className="result-line-badges">
        <StatusBadge status={last.result?.status ?? Status.UNSPECIFIED} />
        {isFlaky && <Badge tone="flaky">Flaky</Badge>}
      </span>
      <TestLabel test={last.result?.test} />
      <span className="result-line-message">
        <bdi className="line">{firstLine(last.result?.failure?.message)}</bdi>
        <span className="line soft small">
          {results.length > 1 && `${plural(results.length, "failed attempt")} · `}
          <bdi>{displayText([...jobs].join(", "), 120)}</bdi>
        </span>
      </span>
    </span>
  );
}

function Nothing({
  projectId,
  run,
  failingCount,
}: {
  readonly projectId: string;
  readonly run: Run;
  readonly failingCount: bigint;
}) {
  if (failingCount > 0n) {
    return (
      <Empty title="The failures are not kept any more.">
        <p>The totals tell how many there were.</p>
      </Empty>
    );
  }
  if ((run.totals?.rejectedFailureCount ?? 0n) > 0n) {
    return (
      <Empty title="No result that is stored failed.">
        <p>
          <RefusedFailures projectId={projectId} run={run} />.
        </p>
      </Empty>
    );
  }
  const isRunning = run.state === RunState.RUNNING;
  return (
    <Empty title={isRunning ? "No test has failed so far." : "No test failed."}>
      {isRunning && <p>Failures appear here as they come.</p>}
    </Empty>
  );
}

function firstLine(message = ""): string {
  return displayText(message.trimStart().split("\n", 1)[0] ?? "", 300);
}
