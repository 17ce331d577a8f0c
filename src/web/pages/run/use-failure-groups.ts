import { useInfiniteQuery } from "@connectrpc/connect-query";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { useFollow } from "../../ui/use-follow.js";

/** What failed alike in the run; asked for anew when there are more failures, and not at all while there is none. */
export function useFailureGroups(projectId: string, runId: string, failingCount: bigint) {
  const isAny = failingCount > 0n;
  const query = useInfiniteQuery(
    StatsService.method.listFailureGroups,
    { projectId, runId, pageSize: 50, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      enabled: isAny,
    },
  );
  const { data } = query;
  const groups = data?.pages.flatMap((page) => page.groups);
  const known = groups?.reduce((sum, { failureCount }) => sum + failureCount, 0n);
  const isBehind = known !== undefined && !query.hasNextPage && known < failingCount;
  // Groups follow the results within five seconds.
  useFollow(isBehind ? failingCount : undefined, query.refetch, 5_000);
  return { ...query, data: groups && { groups } };
}
