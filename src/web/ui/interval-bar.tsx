import type { Rate } from "../../../gen/tally/v1/stats_pb.js";
import { explainRate } from "../format/numbers.js";

/** A rate as a mark on its 95 % interval, from 0 to `max`. */
export function IntervalBar({
  rate,
  max,
}: {
  readonly rate: Rate | undefined;
  readonly max: number;
}) {
  const at = (share: number) => Math.min(100, (share / max) * 100);
  const { value = 0, lower = 0, upper = 1 } = rate ?? {};
  return (
    <svg
      className="interval-bar"
      viewBox="0 0 100 12"
      preserveAspectRatio="none"
      role="img"
      aria-label={explainRate(rate)}
    >
      <title>{explainRate(rate)}</title>
      <rect className="interval-ground" x="0" y="5" width="100" height="2" />
      <rect
        className="interval-range"
        x={at(lower)}
        y="3"
        width={Math.max(1, at(upper) - at(lower))}
        height="6"
      />
      <rect className="interval-value" x={Math.min(98, at(value))} y="0" width="2" height="12" />
    </svg>
  );
}
