/** The window of a request: open ends filled in, rounded to whole periods, and bounded. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { readClock } from "../../db/clock.js";
import type { Queryable } from "../../db/queryable.js";
import { invalidArgument, type Violation } from "../../errors.js";
import { checkTime, toMicros } from "../../ingest/rules.js";
import { DAY_US, type PeriodUnit, roundDown, roundUp, type Window } from "../../stats/periods.js";

export interface WindowRequest {
  readonly startTime?: Timestamp | undefined;
  readonly endTime?: Timestamp | undefined;
}

export interface WindowRules {
  /** To which the window is rounded, outwards. */
  readonly unit: PeriodUnit;
  /** Days before the end at which it starts by default, and at most. */
  readonly defaultDays: number;
  readonly maxDays: number;
}

/** Adds what is wrong with the window, as far as it can be told without the present time. */
export function checkWindow(
  violations: Violation[],
  { startTime, endTime }: WindowRequest,
  rules: WindowRules,
): void {
  const before = violations.length;
  checkTime(violations, "start_time", startTime);
  checkTime(violations, "end_time", endTime);
  if (violations.length > before || startTime === undefined || endTime === undefined) return;
  violations.push(...boundsViolations(toMicros(startTime), toMicros(endTime), rules));
}

/** The window of a checked request; an open end is the present time of the database. */
export async function resolveWindow(
  db: Queryable,
  { startTime, endTime }: WindowRequest,
  rules: WindowRules,
  deadlineAt: number,
): Promise<Window> {
  // The present moment is in the window.
  const endUs = endTime === undefined ? (await readClock(db, deadlineAt)) + 1 : toMicros(endTime);
  const startUs =
    startTime === undefined ? Math.max(0, endUs - rules.defaultDays * DAY_US) : toMicros(startTime);
  const violations = boundsViolations(startUs, endUs, rules);
  if (violations.length > 0) throw invalidArgument(violations);
  return { startUs: roundDown(rules.unit, startUs), endUs: roundUp(rules.unit, endUs) };
}

function boundsViolations(startUs: number, endUs: number, { maxDays }: WindowRules): Violation[] {
  if (endUs <= startUs) {
    return [{ field: "start_time", description: "does not lie before the end" }];
  }
  if (endUs - startUs <= maxDays * DAY_US) return [];
  const description = `lies more than ${maxDays.toLocaleString("en-US")} days before the end`;
  return [{ field: "start_time", description }];
}
