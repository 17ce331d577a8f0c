/** The figures of the window, each with how it was in the window before. */
import type { GetProjectStatsResponse } from "../../../../gen/tally/v1/stats_service_pb.js";
import { type Change, rateChange, sizeChange } from "../../format/changes.js";
import { formatCount, formatShort } from "../../format/numbers.js";
import { durationMs, formatDuration } from "../../format/times.js";
import { RateTile } from "../../ui/rate-tile.js";
import { StatTile } from "../../ui/stat-tile.js";

/** Six tiles; changes are against `before`, once it is known. */
export function StatTiles({
  stats,
  before,
}: {
  readonly stats: GetProjectStatsResponse;
  readonly before: GetProjectStatsResponse | undefined;
}) {
  const { runs, results, runDuration, resultDuration } = stats;
  const failed = (counts: typeof runs | typeof results) =>
    (counts?.failedCount ?? 0n) + (counts?.erroredCount ?? 0n);
  const durationChange = (now: typeof runDuration, then: typeof runDuration) =>
    sizeChange(durationMs(now?.p95), durationMs(then?.p95));
  return (
    <dl className="stats stat-tiles">
      <RateTile
        label="Results passed"
        rate={stats.passRate}
        none="none ended yet"
        change={rateChange(stats.passRate, before?.passRate) ?? null}
      />
      <RateTile
        label="Runs passed"
        rate={stats.runPassRate}
        none="none ended yet"
        change={rateChange(stats.runPassRate, before?.runPassRate) ?? null}
      />
      <StatTile
        label="Runs"
        value={formatShort(runs?.runCount ?? 0n)}
        title={formatCount(runs?.runCount ?? 0n)}
        detail={`${formatCount(failed(runs))} failed`}
        change={countChange(runs?.runCount, before?.runs?.runCount) ?? null}
      />
      <StatTile
        label="Results"
        value={formatShort(results?.resultCount ?? 0n)}
        title={formatCount(results?.resultCount ?? 0n)}
        detail={`${formatCount(failed(results))} failed`}
        change={countChange(results?.resultCount, before?.results?.resultCount) ?? null}
      />
      <StatTile
        label="Run duration, p95"
        value={formatDuration(durationMs(runDuration?.p95))}
        detail={`p50 ${formatDuration(durationMs(runDuration?.p50))}`}
        change={durationChange(runDuration, before?.runDuration) ?? null}
      />
      <StatTile
        label="Result duration, p95"
        value={formatDuration(durationMs(resultDuration?.p95))}
        detail={`p50 ${formatDuration(durationMs(resultDuration?.p50))}`}
        change={durationChange(resultDuration, before?.resultDuration) ?? null}
      />
    </dl>
  );
}

function countChange(now: bigint | undefined, before: bigint | undefined): Change | undefined {
  return sizeChange(Number(now ?? 0n), Number(before ?? 0n));
}
