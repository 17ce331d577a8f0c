import { useQuery } from "@connectrpc/connect-query";
import { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";

/** The newest runs of all branches: they tell which branches there are. */
export function useRecentRuns(projectId: string) {
  return useQuery(StatsService.method.listRuns, { projectId, branch: "", pageSize: 50 });
}
