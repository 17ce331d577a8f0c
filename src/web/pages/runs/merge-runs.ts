/** The list of runs with what was told of them since. */
import type { Run } from "../../../../gen/tally/v1/run_pb.js";
import type { WatchedRun } from "../../../../gen/tally/v1/stats_service_pb.js";
import { countsAtMs } from "../../format/run-time.js";

/**
 * The listed runs as they are now, in their places, with the runs that were told of and `belong` to the list in theirs. A run that
 * no longer matches the filter keeps its place until the list is asked for again. With `hasMore`, runs older than the last listed
 * one are left to the next page.
 */
export function mergeRuns(
  listed: readonly Run[],
  watched: ReadonlyMap<string, WatchedRun>,
  belongs: (run: Run) => boolean,
  hasMore: boolean,
): readonly Run[] {
  const known = new Set(listed.map(({ runId }) => runId));
  const last = listed.at(-1);
  const rows = listed.flatMap((run) => {
    const now = watched.get(run.runId);
    if (now === undefined) return [run];
    return now.deleted || now.run === undefined ? [] : [now.run];
  });
  const added = [...watched.values()].flatMap(({ run, deleted }) =>
    run === undefined ||
    deleted ||
    known.has(run.runId) ||
    !belongs(run) ||
    (hasMore && last !== undefined && newestFirst(run, last) > 0)
      ? []
      : [run],
  );
  return added.length === 0 ? rows : [...rows, ...added].sort(newestFirst);
}

/** The order of ListRuns: the time they count at, then the id, both descending. */
function newestFirst(a: Run, b: Run): number {
  const later = countsAtMs(b) - countsAtMs(a);
  if (later !== 0) return later;
  return a.runId < b.runId ? 1 : a.runId > b.runId ? -1 : 0;
}
