/** The times of a window of UTC days, as StatsService takes them. */

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

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
