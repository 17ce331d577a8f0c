import { useInfiniteQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import type { Test } from "../../../../gen/tally/v1/run_pb.js";
import { ResultView, StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { testName, testPlace } from "../../format/test-name.js";
import { paths } from "../../routes.js";
import { byPageToken } from "../../session/by-page-token.js";
import { Button } from "../../ui/button.js";
import { QueryView } from "../../ui/query-view.js";
import { ResultEvidence } from "./result-evidence.js";

/** Every attempt of a test in a run with all that it said, and the way to the test's history. */
export function TestEvidence({
  projectId,
  runId,
  testId,
  test,
}: {
  readonly projectId: string;
  readonly runId: string;
  readonly testId: string;
  readonly test: Test | undefined;
}) {
  const query = useInfiniteQuery(
    StatsService.method.listResults,
    { projectId, runId, testId, view: ResultView.FULL, pageSize: 20, pageToken: "" },
    byPageToken,
  );
  return (
    <>
      <p className="evidence-test">
        <bdi>{testName(test)}</bdi> <bdi className="soft">{testPlace(test)}</bdi>{" "}
        <Link href={paths.test(projectId, testId)}>History of this test</Link>
      </p>
      <QueryView query={query} rows={4}>
        {({ pages }) => (
          <>
            {pages
              .flatMap(({ results }) => results)
              .map((stored) => (
                <ResultEvidence key={stored.result?.resultId} stored={stored} />
              ))}
            {query.hasNextPage && (
              <div>
                <Button onClick={() => query.fetchNextPage()} isBusy={query.isFetchingNextPage}>
                  Show more attempts
                </Button>
              </div>
            )}
          </>
        )}
      </QueryView>
    </>
  );
}
