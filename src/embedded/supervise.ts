/** Keeps a postmaster running: whenever it ends by itself, it is started again. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Postmaster } from "./postmaster.js";

export interface Supervision {
  /** Of the postmaster that runs, or ran last. */
  readonly pid: number;
  /** Settles when it is stopped, and when it cannot be brought back: then with the reason. */
  readonly exited: Promise<Error | null>;
  /** Resolves when nothing runs any more. May be called again. */
  stop(): Promise<void>;
}

/** Tries to bring a dead postmaster back, with doubling waits: 25 s in all. */
const REVIVALS = 8;
const FIRST_WAIT_MS = 100;
/** A postmaster that ran for so long starts with all its tries again. */
const HEALTHY_AFTER_MS = 60_000;

/** Watches `first`, and starts its successors. */
export function supervise(
  first: Postmaster,
  start: (signal: AbortSignal) => Promise<Postmaster>,
  firstWaitMs = FIRST_WAIT_MS,
): Supervision {
  let current = first;
  const stopping = new AbortController();
  const { signal } = stopping;
  const watch = async (): Promise<Error | null> => {
    let failures = 0;
    let startedAt = performance.now();
    for (;;) {
      await current.ended;
      if (performance.now() - startedAt > HEALTHY_AFTER_MS) failures = 0;
      let reason = new Error("the embedded PostgreSQL keeps ending");
      for (let isBack = false; !isBack; ) {
        if (signal.aborted) return null;
        if (failures === REVIVALS) return reason;
        failures++;
        try {
          await sleep(firstWaitMs * 2 ** (failures - 1), undefined, { signal });
          current = await start(signal);
          isBack = true;
        } catch (error) {
          // Stopped meanwhile, or a failed try, whose reason counts if it was the last.
          reason = error instanceof Error ? error : new Error(String(error));
        }
      }
      startedAt = performance.now();
      if (signal.aborted) await current.stop();
    }
  };
  const exited = watch();
  return {
    get pid() {
      return current.pid;
    },
    exited,
    stop: async () => {
      stopping.abort();
      await current.stop();
      await exited;
    },
  };
}
