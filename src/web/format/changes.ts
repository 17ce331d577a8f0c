/** How figures changed from one window to the next, as people read it. */
import type { Rate } from "../../../gen/tally/v1/stats_pb.js";

/** A change, and whether more than chance is in it. */
export interface Change {
  readonly text: string;
  /** The intervals of the two do not meet; of counts and durations nothing is said. */
  readonly tone: "better" | "worse" | "even";
}

/** Of a rate of which more is better: `+1.2 points`; undefined where one of them counted nothing. */
export function rateChange(now: Rate | undefined, before: Rate | undefined): Change | undefined {
  if (now === undefined || before === undefined) return undefined;
  if (now.denominator === 0n || before.denominator === 0n) return undefined;
  const points = (now.value - before.value) * 100;
  const tone =
    now.lower > before.upper ? "better" : now.upper < before.lower ? "worse" : ("even" as const);
  return { text: `${signed(points, 1)} points`, tone };
}

/** Of a count or a duration: `+12 %`; undefined where nothing was before. */
export function sizeChange(
  now: number | undefined,
  before: number | undefined,
): Change | undefined {
  if (now === undefined || before === undefined || before === 0) return undefined;
  return { text: `${signed((now / before - 1) * 100, 0)} %`, tone: "even" };
}

function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return `±${text}`;
  return `${value > 0 ? "+" : "−"}${text}`;
}
