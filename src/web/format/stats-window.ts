/** The times of windows of days, as StatsService takes them. */

/** Where a window begins, and the same part of the days before it to compare with. Milliseconds. */
export interface StatsWindow {
  readonly startMs: number;
  readonly beforeStartMs: number;
  readonly beforeEndMs: number;
}

/**
 * The window of the last `days` UTC days, today among them; it has no end but now. What is before it ends as long ago, to the
 * hour: the times are the same all hour, and so is the question.
 */
export function statsWindow(days: number, nowMs: number): StatsWindow {
  const startMs = (Math.floor(nowMs / DAY_MS) - days + 1) * DAY_MS;
  const endMs = Math.ceil(nowMs / HOUR_MS) * HOUR_MS;
  return {
    startMs,
    beforeStartMs: startMs - days * DAY_MS,
    beforeEndMs: endMs - days * DAY_MS,
  };
}

/**
 * The beginning of the last `days` times 24 hours; they end now. It moves on in steps of five minutes: between them the question
 * is the same. Milliseconds.
 */
export function rollingStart(days: number, nowMs: number): number {
  return Math.floor(nowMs / STEP_MS) * STEP_MS - days * DAY_MS;
}

const STEP_MS = 300_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
