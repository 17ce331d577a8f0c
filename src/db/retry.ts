/** Sends a statement again after a failure that another try can cure. Statements are idempotent by key. */
import { DbError } from "./errors.js";

export interface RetryOptions {
  /** When the caller stops waiting, in milliseconds since the epoch. */
  readonly deadlineAt: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly onRetry?: (error: DbError) => void;
}

/** After the first try. */
const MAX_RETRIES = 4;
/** The driver needs at least 50 ms after a reset. */
const FIRST_WAIT_MS = 50;

/** The result of `attempt`, tried up to five times with doubling, jittered waits from 50 ms. */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof DbError) || error.kind !== "transient" || retry === MAX_RETRIES) {
        throw error;
      }
      const waitMs = FIRST_WAIT_MS * 2 ** retry * (1 + options.random());
      if (Date.now() + waitMs >= options.deadlineAt) throw error;
      options.onRetry?.(error);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}
