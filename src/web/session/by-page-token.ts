/** Options of `useInfiniteQuery` for a list whose pages lead to the next by a token, as all lists of the contract do. */
export const byPageToken = {
  pageParamKey: "pageToken",
  getNextPageParam: ({ nextPageToken }: { readonly nextPageToken: string }) =>
    nextPageToken || undefined,
} as const;
