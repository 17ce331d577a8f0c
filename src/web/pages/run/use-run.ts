/** A run with its parts, as it is now. */
import { equals } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { useEffect, useRef } from "react";
import { type Run, RunSchema, RunState } from "../../../../gen/tally/v1/run_pb.js";
import { StatsService, type WatchedRun } from "../../../../gen/tally/v1/stats_service_pb.js";
import { useReconnected } from "../../live/use-reconnected.js";
import { useWatchedRuns } from "../../live/use-watched-runs.js";
import { useFollow } from "../../ui/use-follow.js";

/** The answer to GetRun, with the run as the stream tells of it; parts follow within two seconds. */
export function useRun(projectId: string, runId: string) {
  const query = useQuery(
    StatsService.method.getRun,
    { projectId, runId },
    {
      // The stream tells of totals and states, not of a part that begins or ends without them.
      refetchInterval: ({ state }) =>
        state.data?.run?.state === RunState.RUNNING ? PARTS_MS : false,
    },
  );
  const { runs, isLive } = useWatchedRuns({ projectId, runId });
  const watched = runs.get(runId);
  const told = watched?.run;
  const asked = query.data?.run;
  const isNews = told !== undefined && asked !== undefined && !equals(RunSchema, told, asked);
  useFollow(isNews ? told : undefined, query.refetch, FOLLOW_MS);
  useReconnected(isLive, query.refetch);
  useSettled(told?.state, query.refetch);
  return { query, watched, isLive };
}

/** The run of the answer, or of the stream if that has told of it. */
export function currentRun(asked: Run | undefined, watched: WatchedRun | undefined) {
  return watched?.run ?? asked;
}

/** Asks again for a run that was seen to end: tests that it lacks are found within seconds, or later by a busy server. */
function useSettled(state: RunState | undefined, refetch: () => unknown): void {
  const sawRunning = useRef(false);
  useEffect(() => {
    if (state === RunState.RUNNING) sawRunning.current = true;
    if (state === undefined || state === RunState.RUNNING || !sawRunning.current) return;
    const timers = SETTLE_MS.map((ms) => setTimeout(refetch, ms));
    return () => {
      for (const timer of timers) clearTimeout(timer);
    };
  }, [state, refetch]);
}

const FOLLOW_MS = 2_000;
const PARTS_MS = 10_000;
const SETTLE_MS = [3_000, 8_000, 20_000, 60_000];
