import type { Rate } from "../../../gen/tally/v1/stats_pb.js";
import { explainRate, formatRate } from "../format/numbers.js";

/** A rate, with what was counted and its interval to hover over. */
export function RateText({ rate }: { readonly rate: Rate | undefined }) {
  return (
    <span className="number" title={explainRate(rate)}>
      {formatRate(rate)}
    </span>
  );
}
