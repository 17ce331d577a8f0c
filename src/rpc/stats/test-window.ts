/** The window of a request about tests. */
import type { TestWindowDays } from "../../db/test-windows.js";
import type { Violation } from "../../errors.js";
import { WINDOW_DAYS } from "../../stats/windows.js";

const DEFAULT_DAYS = 30;

/** How many days a request asks for; adds what is wrong with it. */
export function toWindowDays(violations: Violation[], windowDays: number): TestWindowDays {
  if (windowDays === 0) return DEFAULT_DAYS;
  const days = WINDOW_DAYS.find((each) => each === windowDays);
  if (days !== undefined) return days;
  const description = `${windowDays} is none of ${WINDOW_DAYS.join(", ")}`;
  violations.push({ field: "window_days", description });
  return DEFAULT_DAYS;
}
