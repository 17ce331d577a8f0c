import { useInfiniteQuery } from "@connectrpc/connect-query";
import {
  type ListFailureGroupsResponse,
  StatsService,
} from "../../../../gen/tally/v1/stats_service_pb.js";
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
      // Groups follow the results within seconds; those of an expired run never do.
      refetchInterval: ({ state }) =>
        isBehind(state.data?.pages, failingCount)
          ? Math.min(MOST_MS, 1_000 * 2 ** state.dataUpdateCount)
          : false,
    },
  );
  const pages = query.data?.pages;
  useFollow(isBehind(pages, failingCount) ? failingCount : undefined, query.refetch, FOLLOW_MS);
  return { ...query, data: pages && { groups: pages.flatMap(({ groups }) => groups) } };
}

/** Whether all pages together have fewer failures than there are. */
function isBehind(
  pages: readonly ListFailureGroupsResponse[] | undefined,
  failingCount: bigint,
): boolean {
  if (pages === undefined || pages.at(-1)?.nextPageToken !== "") return false;
  const known = pages.flatMap(({ groups }) => groups);
  return known.reduce((sum, { failureCount }) => sum + failureCount, 0n) < failingCount;
}

const FOLLOW_MS = 5_000;
const MOST_MS = 300_000;
