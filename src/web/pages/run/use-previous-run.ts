import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { type Run, RunState } from "../../../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../../../gen/tally/v1/stats_service_pb.js";
import { countsAtMs } from "../../format/run-time.js";

/**
 * The newest finished run before this one on its branch, else on the branch that it would be merged into. `isKnown` when it was
 * looked for; a run without a branch has none.
 */
export function usePreviousRun(
  projectId: string,
  run: Run,
): { readonly previous: Run | undefined; readonly isKnown: boolean } {
  const { branch = "", baseBranch = "" } = run.source ?? {};
  const own = useNewest(projectId, branch, run, branch !== "");
  const isFirst = branch === "" || (own.data !== undefined && own.data.runs.length === 0);
  const asksBase = isFirst && baseBranch !== "" && baseBranch !== branch;
  const base = useNewest(projectId, baseBranch, run, asksBase);
  const previous = own.data?.runs[0] ?? (asksBase ? base.data?.runs[0] : undefined);
  return {
    previous,
    isKnown: previous !== undefined || (isFirst && (!asksBase || base.data !== undefined)),
  };
}

function useNewest(projectId: string, branch: string, run: Run, enabled: boolean) {
  return useQuery(
    StatsService.method.listRuns,
    {
      projectId,
      branch,
      state: RunState.FINISHED,
      endTime: timestampFromMs(Math.floor(countsAtMs(run))),
      pageSize: 1,
    },
    { enabled },
  );
}
