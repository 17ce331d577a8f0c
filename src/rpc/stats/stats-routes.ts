/** StatsService: a missing RPC does not compile. */
import { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import type { Route } from "../handler.js";
import { getIngestStats } from "./get-ingest-stats.js";
import { getRun } from "./get-run.js";
import { listRuns } from "./list-runs.js";
import type { StatsDeps } from "./stats-deps.js";

/** The service with its handlers and scopes. */
export function statsRoute(deps: StatsDeps): Route<typeof StatsService> {
  return {
    service: StatsService,
    handlers: {
      listRuns: listRuns(deps),
      getRun: getRun(deps),
      getIngestStats: getIngestStats(deps),
    },
    access: { listRuns: "read", getRun: "read", getIngestStats: "read" },
  };
}
