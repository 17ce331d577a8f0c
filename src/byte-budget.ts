/** A bound on bytes that a server holds, shared by those who send them. */
import type { ConnectError } from "@connectrpc/connect";
import { unavailable } from "./errors.js";

export interface ByteBudget {
  readonly used: number;
  /**
   * Claims room for a whole message, before the rest of it is read or before it is stored. A message that has
   * its room can always complete, so that no two wait for each other. More than the owner's share counts as
   * the share.
   */
  claim(owner: string, bytes: number): Claim;
}

export interface Claim {
  /**
   * Resolves when there is room, or the claim has stopped waiting for it. Rejects with UNAVAILABLE and RetryInfo
   * after too long, or if too many wait.
   */
  readonly granted: Promise<void>;
  /** Stops waiting; changes nothing once there is room. */
  stopWaiting(): void;
  /** Gives back all but that many bytes. */
  shrink(bytes: number): void;
}

export interface ByteBudgetOptions {
  readonly maxBytes: number;
  /** Longest wait for room. Nothing further is read meanwhile: that is the backpressure. */
  readonly maxWaitMs: number;
  /** What the room is for, as the error says it: "the server … as many bytes as it may". */
  readonly verb: string;
}

/** What one owner may have of the room and of the waiting, so that one that sends slowly stops no other. */
const SHARE = 0.5;
/** Messages that may wait. */
const MAX_WAITING = 2_000;

interface Owner {
  used: number;
  readonly waiting: Set<Waiter>;
}

interface Waiter {
  readonly bytes: number;
  enter(): void;
}

/** An empty budget. Owners that wait are served in turns. */
export function createByteBudget({ maxBytes, maxWaitMs, verb }: ByteBudgetOptions): ByteBudget {
  const maxShare = maxBytes * SHARE;
  const owners = new Map<string, Owner>();
  /** Owners with waiters, the one that was served longest ago first. */
  const turns = new Set<Owner>();
  let used = 0;
  let waiting = 0;

  const dequeue = (owner: Owner, waiter: Waiter): boolean => {
    if (!owner.waiting.delete(waiter)) return false;
    waiting -= 1;
    if (owner.waiting.size === 0) turns.delete(owner);
    return true;
  };
  const admit = () => {
    for (const owner of turns) {
      const [next] = owner.waiting;
      if (next === undefined || owner.used + next.bytes > maxShare) continue;
      // Nobody passes a message that lacks nothing but room, or large ones would wait for ever.
      if (used + next.bytes > maxBytes) return;
      dequeue(owner, next);
      // At the end of the turns, this loop meets the owner again.
      if (turns.delete(owner)) turns.add(owner);
      next.enter();
    }
  };

  return {
    get used() {
      return used;
    },
    claim(name, wanted) {
      const owner = owners.get(name) ?? { used: 0, waiting: new Set() };
      const bytes = Math.min(wanted, maxShare);
      let held = 0;
      let stopWaiting = () => {};
      const hold = (now: number) => {
        used += now - held;
        owner.used += now - held;
        held = now;
      };
      const leave = () => {
        const idle = owner.used === 0 && owner.waiting.size === 0;
        if (idle && owners.get(name) === owner) owners.delete(name);
        admit();
      };
      const hasRoom = () =>
        waiting === 0 && owner.used + bytes <= maxShare && used + bytes <= maxBytes;
      const wait = () =>
        new Promise<void>((resolve, reject) => {
          if (waiting >= MAX_WAITING || owner.waiting.size >= MAX_WAITING * SHARE) {
            reject(full(verb));
            return;
          }
          const enter = () => {
            clearTimeout(timer);
            hold(bytes);
            resolve();
          };
          const waiter = { bytes, enter };
          const stop = () => {
            clearTimeout(timer);
            if (dequeue(owner, waiter)) leave();
          };
          const timer = setTimeout(() => {
            stop();
            reject(full(verb));
          }, maxWaitMs);
          stopWaiting = () => {
            stop();
            resolve();
          };
          owners.set(name, owner);
          owner.waiting.add(waiter);
          turns.add(owner);
          waiting += 1;
          admit();
        });
      const enterAtOnce = () => {
        owners.set(name, owner);
        hold(bytes);
        return GRANTED;
      };
      return {
        granted: hasRoom() ? enterAtOnce() : wait(),
        stopWaiting,
        shrink(keep) {
          hold(Math.min(held, keep));
          leave();
        },
      };
    },
  };
}

const GRANTED = Promise.resolve();

function full(verb: string): ConnectError {
  return unavailable(`the server ${verb} as many bytes as it may`, {
    reason: "SERVER_FULL",
    retryAfterMs: 2_000,
  });
}
