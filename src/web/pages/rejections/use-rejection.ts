import { useInfiniteQuery } from "@connectrpc/connect-query";
import { useEffect } from "react";
import type { Rejection } from "../../../../gen/tally/v1/rejection_pb.js";
import {
  type RejectionFilter,
  RejectionService,
} from "../../../../gen/tally/v1/rejection_service_pb.js";

/**
 * The rejection with this id among those of the filter. The service answers lists alone, newest first: pages are read until it
 * is among them, at most MAX_PAGES.
 */
export function useRejection(projectId: string, filter: RejectionFilter, id: string) {
  const query = useInfiniteQuery(
    RejectionService.method.listRejections,
    { projectId, filter, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }, pages) =>
        pages.length < MAX_PAGES && nextPageToken !== "" ? nextPageToken : undefined,
    },
  );
  const { data, hasNextPage, isFetching, error, fetchNextPage } = query;
  const rejection: Rejection | undefined = data?.pages
    .flatMap(({ rejections }) => rejections)
    .find(({ rejectionId }) => rejectionId === id);
  const isSought = rejection === undefined && hasNextPage && error === null;
  useEffect(() => {
    if (isSought && !isFetching) void fetchNextPage();
  }, [isSought, isFetching, fetchNextPage]);
  return { query, rejection, isSought };
}

const MAX_PAGES = 100;
