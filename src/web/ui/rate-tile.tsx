import type { Rate } from "../../../gen/tally/v1/stats_pb.js";
import type { Change } from "../format/changes.js";
import { explainRate, formatRate, formatShare } from "../format/numbers.js";
import { StatTile } from "./stat-tile.js";

/** A rate of a `dl` with its interval, or `none` where nothing was counted; `change` as of StatTile. */
export function RateTile({
  label,
  rate,
  none,
  change,
}: {
  readonly label: string;
  readonly rate: Rate | undefined;
  readonly none: string;
  readonly change?: Change | null;
}) {
  const isKnown = rate !== undefined && rate.denominator > 0n;
  return (
    <StatTile
      label={label}
      value={formatRate(rate)}
      title={explainRate(rate)}
      detail={isKnown ? `${formatShare(rate.lower)} – ${formatShare(rate.upper)}` : none}
      {...(change === undefined ? {} : { change })}
    />
  );
}
