import { useQuery } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { useWatchedRuns } from "../../live/use-watched-runs.js";
import { useRecentRuns } from "../../session/recent-runs.js";
import { useFollow } from "../../ui/use-follow.js";
import { mergeRuns } from "../runs/merge-runs.js";

/** The newest runs of a branch, live; `ofAll` are those of all branches. While they change, the page asks for its figures anew. */
export function useNewestRuns(projectId: string, branch: string) {
  const ofAll = useRecentRuns(projectId);
  const ofBranch = useQuery(StatsService.method.listRuns, { projectId, branch, pageSize: 50 });
  const watched = useWatchedRuns({ projectId, branch });
  const listed = ofBranch.data?.runs;
  const runs = useMemo(
    () => listed && mergeRuns(listed, watched.runs, () => true, false),
    [listed, watched.runs],
  );
  const queries = useQueryClient();
  useFollow(
    watched.runs.size === 0 ? undefined : watched.runs,
    () => queries.refetchQueries({ type: "active", stale: true }),
    EVERY_MS,
  );
  return { ofAll, ofBranch, runs, watched };
}

/** While runs go on, figures are asked for so often. */
const EVERY_MS = 15_000;
