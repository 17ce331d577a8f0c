/** StatsService: a missing RPC does not compile. */
import { StatsService } from "../../../gen/tally/v1/stats_service_pb.js";
import type { Route } from "../handler.js";
import { compareRuns } from "./compare-runs.js";
import { getIngestStats } from "./get-ingest-stats.js";
import { getProjectStats } from "./get-project-stats.js";
import { getRun } from "./get-run.js";
import { getTestHistory } from "./get-test-history.js";
import { createKnownKeys } from "./known-keys.js";
import { listFailureGroups } from "./list-failure-groups.js";
import { listFlakyTests } from "./list-flaky-tests.js";
import { listResults } from "./list-results.js";
import { listRuns } from "./list-runs.js";
import { listTests } from "./list-tests.js";
import { queryTimeSeries } from "./query-time-series.js";
import { type WatchDeps, watchRuns } from "./watch-runs.js";
import { whileUnchanged } from "./while-unchanged.js";

/** The service with its handlers and scopes. */
export function statsRoute(deps: WatchDeps): Route<typeof StatsService> {
  const keyed = { ...deps, keys: createKnownKeys(deps.db) };
  return {
    service: StatsService,
    handlers: {
      getProjectStats: getProjectStats(deps),
      queryTimeSeries: queryTimeSeries(deps),
      listRuns: listRuns(deps),
      getRun: getRun(keyed),
      listResults: listResults(keyed),
      listTests: whileUnchanged(deps, listTests(deps)),
      getTestHistory: getTestHistory(keyed),
      listFlakyTests: whileUnchanged(deps, listFlakyTests(deps)),
      listFailureGroups: whileUnchanged(deps, listFailureGroups(deps), ({ runId }) => runId === ""),
      compareRuns: compareRuns(keyed),
      watchRuns: watchRuns(deps),
      getIngestStats: getIngestStats(deps),
    },
    access: {
      getProjectStats: "read",
      queryTimeSeries: "read",
      listRuns: "read",
      getRun: "read",
      listResults: "read",
      listTests: "read",
      getTestHistory: "read",
      listFlakyTests: "read",
      listFailureGroups: "read",
      compareRuns: "read",
      watchRuns: "read",
      getIngestStats: "read",
    },
  };
}
