/** What waits in a queue, for those who look often: asked for at most once a second, and never a failure. */

/** What waits, and since when the oldest of it does. */
export interface QueueDepth {
  readonly depth: number;
  /** Microseconds since the epoch; null where nothing waits. */
  readonly oldestUs: number | null;
}

/** The depth and the age of the oldest; what was last known while the database does not answer. */
export type QueueGauge = () => Promise<{ readonly depth: number; readonly ageSeconds: number }>;

const CACHED_MS = 1_000;

/** A gauge that has not looked yet. `readDepth` may take until a time in milliseconds since the epoch. */
export function createQueueGauge(
  readDepth: (deadlineAt: number) => Promise<QueueDepth>,
  now: () => number,
): QueueGauge {
  let known: QueueDepth = { depth: 0, oldestUs: null };
  let reading: Promise<void> | undefined;
  let until = Number.NEGATIVE_INFINITY;
  const read = async () => {
    try {
      known = await readDepth(now() + CACHED_MS);
    } catch {
      // The figure stays; the database's own check tells that it is away.
    }
  };
  return async () => {
    if (now() >= until) {
      until = now() + CACHED_MS;
      reading = read();
    }
    await reading;
    const { depth, oldestUs } = known;
    return {
      depth,
      ageSeconds: oldestUs === null ? 0 : Math.max(0, now() - oldestUs / 1000) / 1000,
    };
  };
}
