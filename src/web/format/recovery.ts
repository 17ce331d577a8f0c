/** How far a flaky test is on its way to RECOVERED; docs/stats.md states the rule. */
import type { FlakyTest } from "../../../gen/tally/v1/stats_pb.js";

/** Results since the day of the last flaky failure, and how many without one are needed. */
export interface Recovery {
  readonly done: number;
  readonly needed: number;
}

/** By the rule of three: 3 by the flake rate up to the last flaky failure's day, 20 at least. */
export function recoveryOf({ test, decisiveSinceCount }: FlakyTest): Recovery {
  const { numerator = 0n, denominator = 0n } = test?.figures?.flakeRate ?? {};
  const until = Number(denominator - decisiveSinceCount);
  const byRate = numerator === 0n ? 0 : Math.ceil((3 * until) / Number(numerator));
  return { done: Number(decisiveSinceCount), needed: Math.max(20, byRate) };
}
