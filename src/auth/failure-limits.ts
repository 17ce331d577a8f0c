/** How many wrong secrets are hashed: each costs some 70 ms of a core. */
import { createBoundedCache } from "../bounded-cache.js";
import { tooManyFailures } from "./auth-errors.js";

/** Counts wrong secrets, and says when there were too many. */
export interface FailureLimits {
  /** Throws RESOURCE_EXHAUSTED if this address has sent too many wrong secrets for this id. */
  checkPair(address: string, tokenId: string): void;
  /**
   * Takes one of the hashes that may fail. Throws RESOURCE_EXHAUSTED if all addresses together used them up; the
   * last two are for addresses that have sent nothing wrong in the last minute.
   */
  takeHash(address: string): void;
  /** Gives it back: the secret was right. */
  returnHash(): void;
  /** The address has sent a text that is no token, or an id that is unknown. */
  suspect(address: string): void;
  /** The secret was wrong. `hashMs` is how long its hash took; 0 if there was none. */
  failed(address: string, tokenId: string, hashMs: number): void;
}

const FAILURES_PER_SECOND = 4;
/** Of them, for addresses that are not suspect: else who knows one id would keep every new token out. */
const RESERVED = 2;
/**
 * Hashing time a second that wrong secrets may cost. A hash of a higher cost, or on a busy machine, takes so
 * long that four a second would leave no time for right ones.
 */
const FAILED_HASH_MS_PER_SECOND = 300;
/** A longer one counts as this long, so that one stall does not shut new tokens out. */
const MAX_HASH_MS = 1_200;
const SUSPECTS = 10_000;
const SUSPECT_MS = 60_000;
const PAIR_FAILURES = 10;
const PAIR_WINDOW_MS = 60_000;
const PAIRS = 10_000;

/**
 * Limits of one server: 4 failed hashes a second in all, fewer if they take over 75 ms each, and 10 wrong
 * secrets a minute for each address and id.
 */
export function createFailureLimits(now: () => number): FailureLimits {
  const pairs = createBoundedCache<string, { count: number; readonly until: number }>(PAIRS);
  /** Until when. */
  const suspects = createBoundedCache<string, number>(SUSPECTS);
  const suspect = (address: string) => suspects.set(address, now() + SUSPECT_MS);
  const keyOf = (address: string, tokenId: string) => `${tokenId} ${address}`;
  let left = FAILURES_PER_SECOND;
  let perSecond = FAILURES_PER_SECOND;
  let filledAt = now();
  const refill = () => {
    const at = now();
    const fresh = (Math.max(0, at - filledAt) / 1000) * perSecond;
    left = Math.min(FAILURES_PER_SECOND, left + fresh);
    filledAt = at;
  };
  return {
    checkPair(address, tokenId) {
      const pair = pairs.get(keyOf(address, tokenId));
      if (pair === undefined || pair.count < PAIR_FAILURES) return;
      if (pair.until > now()) throw tooManyFailures(pair.until - now());
      pairs.delete(keyOf(address, tokenId));
    },
    takeHash(address) {
      refill();
      const isSuspect = (suspects.get(address) ?? 0) > now();
      const needed = isSuspect ? 1 + RESERVED : 1;
      if (left < needed) throw tooManyFailures(((needed - left) / perSecond) * 1000);
      left -= 1;
    },
    returnHash() {
      left = Math.min(FAILURES_PER_SECOND, left + 1);
    },
    suspect,
    failed(address, tokenId, hashMs) {
      if (hashMs > 0) {
        refill();
        const affordable = FAILED_HASH_MS_PER_SECOND / Math.min(hashMs, MAX_HASH_MS);
        perSecond = Math.min(FAILURES_PER_SECOND, affordable);
      }
      suspect(address);
      const key = keyOf(address, tokenId);
      const pair = pairs.get(key);
      if (pair !== undefined && pair.until > now()) pair.count += 1;
      else pairs.set(key, { count: 1, until: now() + PAIR_WINDOW_MS });
    },
  };
}
