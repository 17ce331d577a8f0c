import type { TestSummary } from "../../../../gen/tally/v1/stats_pb.js";
import { formatCount } from "../../format/numbers.js";
import { durationMs, formatDuration } from "../../format/times.js";
import { RateTile } from "../../ui/rate-tile.js";
import { StatTile } from "../../ui/stat-tile.js";

/** The figures of a test over the window. */
export function TestTiles({ summary: { figures } }: { readonly summary: TestSummary }) {
  const { results, failureRate, flakeRate, duration } = figures ?? {};
  const failed = (results?.failedCount ?? 0n) + (results?.erroredCount ?? 0n);
  const skipped = (results?.skippedCount ?? 0n) + (results?.precludedCount ?? 0n);
  return (
    <dl className="stats stat-tiles">
      <StatTile
        label="Results"
        value={formatCount(results?.resultCount ?? 0n)}
        detail={`${formatCount(failed)} failed, ${formatCount(skipped)} skipped`}
      />
      <RateTile label="Failure rate" rate={failureRate} none="nothing counted" />
      <RateTile label="Flake rate" rate={flakeRate} none="nothing counted" />
      <StatTile
        label="Duration, p95"
        value={formatDuration(durationMs(duration?.p95))}
        detail={`p50 ${formatDuration(durationMs(duration?.p50))}`}
      />
      <StatTile
        label="Total time"
        value={formatDuration(durationMs(results?.duration))}
        detail="of all its results"
      />
    </dl>
  );
}
