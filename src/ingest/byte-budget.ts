/** The bytes that a server holds between reading a message and committing it. */
import { unavailable } from "../errors.js";

export interface ByteBudget {
  /**
   * Takes bytes from the budget, waiting while it is spent; the answer gives them back. Throws UNAVAILABLE
   * with RetryInfo when the wait lasts too long or too many wait. More than the whole budget counts as the
   * whole.
   */
  take(bytes: number): Promise<() => void>;
  readonly used: number;
}

/** Longest wait for room. A caller that waits reads no further message: that is the backpressure. */
const MAX_WAIT_MS = 10_000;
/** Callers that may wait. */
const MAX_WAITING = 2_000;

/** A budget of `maxBytes`, handed out in the order of asking. */
export function createByteBudget(maxBytes: number): ByteBudget {
  let used = 0;
  const waiting: { bytes: number; enter: () => void }[] = [];

  const admit = () => {
    for (let next = waiting[0]; next !== undefined && used + next.bytes <= maxBytes; ) {
      waiting.shift();
      next.enter();
      next = waiting[0];
    }
  };
  const enter = (bytes: number) => {
    used += bytes;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      used -= bytes;
      admit();
    };
  };
  return {
    get used() {
      return used;
    },
    take(wanted) {
      const bytes = Math.min(wanted, maxBytes);
      if (waiting.length === 0 && used + bytes <= maxBytes) return Promise.resolve(enter(bytes));
      if (waiting.length >= MAX_WAITING) throw full();
      return new Promise((resolve, reject) => {
        const waiter = {
          bytes,
          enter: () => {
            clearTimeout(timer);
            resolve(enter(bytes));
          },
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(full());
          // The one behind may fit where this one did not.
          admit();
        }, MAX_WAIT_MS);
        waiting.push(waiter);
      });
    },
  };
}

function full() {
  return unavailable("the server holds as many uncommitted bytes as it may", {
    reason: "SERVER_FULL",
    retryAfterMs: 2_000,
  });
}
