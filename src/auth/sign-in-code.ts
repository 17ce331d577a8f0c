/**
 * The one-time code of the link that a new installation's first start prints. It is kept in memory alone, and as a
 * hash: a server that starts again knows none.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { base32 } from "../db/tenancy-ids.js";
import { signInCodeRefused } from "./auth-errors.js";
import { createFailureLimits } from "./failure-limits.js";

/** Takes the code, once there is one. */
export interface SignIn {
  /** The code is valid from now on, for 10 minutes. */
  offer(code: string): void;
  /**
   * What `use` answers. The code is used up once `use` resolves; where that fails, the code stays. Of several
   * callers with the right code one goes first, and the others hear what became of it. Throws UNAUTHENTICATED for a
   * code that is wrong, used or older than 10 minutes, RESOURCE_EXHAUSTED after 10 such a minute from this address.
   */
  redeem<T>(code: string, address: string, use: () => Promise<T>): Promise<T>;
}

/** What a sign-in works with. */
export interface SignInOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Hears of each refused attempt. */
  readonly onRefused: (address: string) => void;
}

/** A new code: 160 bits, since each character has five. */
export function drawSignInCode(randomBytes: (size: number) => Uint8Array): string {
  return base32(randomBytes(CODE_LENGTH));
}

/** Refuses every code until one is offered. */
export function createSignIn({ now, onRefused }: SignInOptions): SignIn {
  const limits = createFailureLimits(now);
  let digest: Buffer | undefined;
  let endsAt = 0;
  /** Settles when the exchange under way has ended. */
  let underWay: Promise<void> | undefined;
  const isRight = (given: string) =>
    digest !== undefined && now() < endsAt && timingSafeEqual(digest, digestOf(given));
  return {
    offer(code) {
      digest = digestOf(code);
      endsAt = now() + VALID_MS;
    },
    async redeem(given, address, use) {
      try {
        limits.checkPair(address, LIMITED_ID);
        while (underWay !== undefined && isRight(given)) await underWay;
        if (!isRight(given)) {
          limits.failed(address, LIMITED_ID, 0);
          throw signInCodeRefused();
        }
      } catch (error) {
        onRefused(address);
        throw error;
      }
      const made = use();
      underWay = made
        .then(
          () => {
            digest = undefined;
          },
          // The caller hears of it; the code stays.
          () => {},
        )
        .finally(() => {
          underWay = undefined;
        });
      return made;
    },
  };
}

function digestOf(code: string): Buffer {
  return createHash("sha256").update(code).digest();
}

const CODE_LENGTH = 32;
const VALID_MS = 600_000;
/** Stands where the limits of wrong secrets have a token's id. */
const LIMITED_ID = "sign-in code";
