/** Rates by token bucket: calls a second, events a second. */

export interface RateLimiter {
  /** 0 and the call is counted, or the milliseconds after which one more call fits. */
  take(key: string, perSecond: number): number;
  /**
   * The same of several keys, so much of each: null and all are counted, or none is, and the key that has to wait longest.
   * More than a burst passes a full bucket, which then fills up for as long as that takes.
   */
  takeAll(amounts: ReadonlyMap<string, number>, perSecond: number): OverRate | null;
}

/** A key that has to wait, and how long. */
export interface OverRate {
  readonly key: string;
  readonly waitMs: number;
}

/** Burst in seconds of the rate: short bursts pass, an hour's average does not exceed the rate. */
const BURST_SECONDS = 2;
/** Keys remembered. The one used longest ago is forgotten first, which gives it a full bucket. */
const MAX_KEYS = 10_000;

/** A limiter with one bucket for each key. */
export function createRateLimiter(now: () => number): RateLimiter {
  const buckets = new Map<string, { level: number; at: number }>();

  const levelOf = (key: string, capacity: number, perSecond: number, at: number): number => {
    const before = buckets.get(key);
    if (before === undefined) return capacity;
    return Math.min(capacity, before.level + (Math.max(0, at - before.at) / 1000) * perSecond);
  };
  const keep = (key: string, level: number, at: number) => {
    buckets.delete(key);
    if (buckets.size >= MAX_KEYS) {
      for (const oldest of buckets.keys()) {
        buckets.delete(oldest);
        break;
      }
    }
    buckets.set(key, { level, at });
  };
  const takeAll = (amounts: ReadonlyMap<string, number>, perSecond: number): OverRate | null => {
    const capacity = Math.max(1, perSecond * BURST_SECONDS);
    const at = now();
    const levels = new Map<string, number>();
    let over: OverRate | null = null;
    for (const [key, amount] of amounts) {
      const level = levelOf(key, capacity, perSecond, at);
      levels.set(key, level);
      const waitMs = Math.ceil(((Math.min(amount, capacity) - level) / perSecond) * 1000);
      if (waitMs > (over?.waitMs ?? 0)) over = { key, waitMs };
    }
    for (const [key, level] of levels) {
      keep(key, over === null ? level - (amounts.get(key) ?? 0) : level, at);
    }
    return over;
  };
  return {
    take: (key, perSecond) => takeAll(new Map([[key, 1]]), perSecond)?.waitMs ?? 0,
    takeAll,
  };
}
