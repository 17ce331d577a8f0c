/** How many wrong secrets are hashed: each costs some 70 ms of a core. */
import { createBoundedCache } from "../bounded-cache.js";
import { tooManyFailures } from "./auth-errors.js";

/** Counts wrong secrets, and says when there were too many. */
export interface FailureLimits {
  /** Throws RESOURCE_EXHAUSTED if this address has sent too many wrong secrets for this id. */
  checkPair(address: string, tokenId: string): void;
  /** Takes one of the hashes that may fail. Throws RESOURCE_EXHAUSTED if all addresses together used them up. */
  takeHash(): void;
  /** Gives it back: the secret was right. */
  returnHash(): void;
  /** The secret was wrong. */
  failed(address: string, tokenId: string): void;
}

const FAILURES_PER_SECOND = 4;
const PAIR_FAILURES = 10;
const PAIR_WINDOW_MS = 60_000;
const PAIRS = 10_000;

/** Limits of one server: 4 failed hashes a second in all, 10 wrong secrets a minute for each address and id. */
export function createFailureLimits(now: () => number): FailureLimits {
  const pairs = createBoundedCache<string, { count: number; readonly until: number }>(PAIRS);
  const keyOf = (address: string, tokenId: string) => `${tokenId} ${address}`;
  let left = FAILURES_PER_SECOND;
  let filledAt = now();
  const refill = () => {
    const at = now();
    left = Math.min(
      FAILURES_PER_SECOND,
      left + (Math.max(0, at - filledAt) / 1000) * FAILURES_PER_SECOND,
    );
    filledAt = at;
  };
  return {
    checkPair(address, tokenId) {
      const pair = pairs.get(keyOf(address, tokenId));
      if (pair === undefined || pair.count < PAIR_FAILURES) return;
      if (pair.until > now()) throw tooManyFailures(pair.until - now());
      pairs.delete(keyOf(address, tokenId));
    },
    takeHash() {
      refill();
      if (left < 1) throw tooManyFailures(((1 - left) / FAILURES_PER_SECOND) * 1000);
      left -= 1;
    },
    returnHash() {
      left = Math.min(FAILURES_PER_SECOND, left + 1);
    },
    failed(address, tokenId) {
      const key = keyOf(address, tokenId);
      const pair = pairs.get(key);
      if (pair !== undefined && pair.until > now()) pair.count += 1;
      else pairs.set(key, { count: 1, until: now() + PAIR_WINDOW_MS });
    },
  };
}
