/**
 * How long a project rests after a large statement while others write small ones. Where callers, server and database
 * share their cores, rows that are stored without a pause make small calls wait for a processor at each of their
 * steps. A rest is as long as the slowest small statement of late: where there are cores for all, hardly anything.
 */
export interface Rests {
  /** Milliseconds for which the project of a statement takes no turn after it. */
  after(rows: number, durationMs: number): number;
}

/** Statements of at most so many rows are small. */
const SMALL_ROWS = 100;
/** How long a small statement counts. */
const RECENT_MS = 1_000;
/** A statement may have waited for a lock, and a large one for seconds. */
const MAX_REST_MS = 50;

/** No statement has been yet. */
export function createRests(now: () => number): Rests {
  let slowestMs = 0;
  let slowestAt = Number.NEGATIVE_INFINITY;
  return {
    after(rows, durationMs) {
      const isRecent = now() - slowestAt < RECENT_MS;
      if (rows > SMALL_ROWS) return isRecent ? Math.min(durationMs, slowestMs, MAX_REST_MS) : 0;
      if (!isRecent || durationMs >= slowestMs) {
        slowestMs = durationMs;
        slowestAt = now();
      }
      return 0;
    },
  };
}
