/** Waits for work, but not for ever. */
import { setTimeout as sleep } from "node:timers/promises";

/** Resolves when the work has settled or the time, in milliseconds, is over; leaves no timer behind. Never rejects. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  // An aborted wait rejects, and nobody waits for it any more.
  const timeout = sleep(ms, undefined, { signal }).catch(() => {});
  await Promise.race([work.catch(() => {}), timeout]);
  over.abort();
}
