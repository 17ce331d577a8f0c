/** Numbers as people read them. */
import type { Rate } from "../../../gen/tally/v1/stats_pb.js";

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 12345 as `12,345`. */
export function formatCount(count: bigint | number): string {
  return whole.format(count);
}

/** 12345 as `12.3K`, for places where every digit would be noise. */
export function formatShort(count: bigint | number): string {
  return short.format(count);
}

/** 0.98765 as `98.8 %`. Nothing rounds to 0 % or 100 % that is not. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  if (percent < 100 && percent > 99.9) return "> 99.9 %";
  return `${Number.isInteger(percent) ? percent : percent.toFixed(1)} %`;
}

/** A rate's share; a dash where nothing was counted. */
export function formatRate(rate: Rate | undefined): string {
  return rate === undefined || rate.denominator === 0n ? "–" : formatShare(rate.value);
}

/** `3 of 40, 95 % interval 2.6 % to 19.9 %`. */
export function explainRate(rate: Rate | undefined): string {
  if (rate === undefined || rate.denominator === 0n) return "nothing was counted";
  const { numerator, denominator, lower, upper } = rate;
  return `${formatCount(numerator)} of ${formatCount(denominator)}, 95 % interval ${formatShare(lower)} to ${formatShare(upper)}`;
}

/** `1 test`, `2 tests`. */
export function plural(count: bigint | number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${BigInt(count) === 1n ? one : many}`;
}
