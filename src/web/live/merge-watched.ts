/** What the stream has told of runs so far. */
import type { WatchedRun } from "../../../gen/tally/v1/stats_service_pb.js";

/** The newest state of each run that was told of, by run_id. */
export type WatchedRuns = ReadonlyMap<string, WatchedRun>;

/**
 * The runs with what was told. Failures of the run `asked` for are gathered, newest last, up to 1,000; those of others are let go:
 * a page that shows many runs for days would hold all of theirs. Where a stream `begins`, what an earlier one told of other runs
 * may be out of date and is dropped.
 */
export function mergeWatched(
  before: WatchedRuns,
  told: readonly WatchedRun[],
  asked: string,
  begins: boolean,
): WatchedRuns {
  const after = new Map(begins ? [] : before);
  for (const watched of told) {
    const runId = watched.run?.runId;
    if (runId === undefined) continue;
    const known = before.get(runId)?.failures ?? [];
    const failures = runId === asked ? gather(known, watched.failures) : [];
    after.set(runId, { ...watched, failures });
  }
  return after;
}

type Failures = WatchedRun["failures"];

function gather(known: Failures, news: Failures): Failures {
  const seen = new Set(news.map(failureKey));
  return [...known.filter((each) => !seen.has(failureKey(each))), ...news].slice(-1000);
}

function failureKey({ testId, result }: Failures[number]): string {
  return `${testId} ${result?.resultId}`;
}
