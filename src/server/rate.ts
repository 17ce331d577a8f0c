/** Calls per second, by token bucket. */

export interface RateLimiter {
  /** 0 and the call is counted, or the milliseconds after which one more call fits. */
  take(key: string, perSecond: number): number;
}

/** Burst in seconds of the rate: short bursts pass, an hour's average does not exceed the rate. */
const BURST_SECONDS = 2;
/** Keys remembered. The one used longest ago is forgotten first, which gives it a full bucket. */
const MAX_KEYS = 10_000;

/** A limiter with one bucket for each key. */
export function createRateLimiter(now: () => number): RateLimiter {
  const buckets = new Map<string, { level: number; at: number }>();
  return {
    take(key, perSecond) {
      const capacity = Math.max(1, perSecond * BURST_SECONDS);
      const at = now();
      const before = buckets.get(key);
      const level =
        before === undefined
          ? capacity
          : Math.min(capacity, before.level + (Math.max(0, at - before.at) / 1000) * perSecond);
      buckets.delete(key);
      if (buckets.size >= MAX_KEYS) {
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest);
          break;
        }
      }
      const allowed = level >= 1;
      buckets.set(key, { level: allowed ? level - 1 : level, at });
      return allowed ? 0 : Math.ceil(((1 - level) / perSecond) * 1000);
    },
  };
}
