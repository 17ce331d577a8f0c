import type { FlakyTest } from "../../../../gen/tally/v1/stats_pb.js";
import { formatCount } from "../../format/numbers.js";
import { VerdictBadge } from "../../ui/badges.js";
import { IntervalBar } from "../../ui/interval-bar.js";
import { RateText } from "../../ui/rate-text.js";
import { Ago, TestLabel } from "../../ui/texts.js";

/** What is seen of a flaky test before it is opened. */
export function FlakyHead({
  flaky: { test, lastTime },
  maxRate,
}: {
  readonly flaky: FlakyTest;
  /** End of the scale of rates. */
  readonly maxRate: number;
}) {
  const rate = test?.figures?.flakeRate;
  return (
    <span className="flaky-head">
      <TestLabel test={test?.test} />
      <span>{test && <VerdictBadge verdict={test.verdict} />}</span>
      <span className="flaky-rate">
        <span className="flaky-share">
          <RateText rate={rate} />
        </span>
        <IntervalBar rate={rate} max={maxRate} />
        <span className="soft small wide-only number">
          {formatCount(rate?.numerator ?? 0n)} of {formatCount(rate?.denominator ?? 0n)}
        </span>
      </span>
      <span className="soft small wide-only align-end">
        <Ago time={lastTime} />
      </span>
    </span>
  );
}
