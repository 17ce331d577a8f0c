/** What waits in the inbox, for those who look often: asked for at most once a second, and never a failure. */
import { type InboxDepth, readInboxDepth } from "./db/inbox.js";
import type { Queryable } from "./db/queryable.js";

/** The depth and the age of the oldest event; what was last known while the database does not answer. */
export type InboxGauge = () => Promise<{ readonly depth: number; readonly ageSeconds: number }>;

const CACHED_MS = 1_000;

/** A gauge that has not looked yet. */
export function createInboxGauge(db: Queryable, now: () => number): InboxGauge {
  let known: InboxDepth = { depth: 0, oldestUs: null };
  let reading: Promise<void> | undefined;
  let until = Number.NEGATIVE_INFINITY;
  const read = async () => {
    try {
      known = await readInboxDepth(db, now() + CACHED_MS);
    } catch {
      // The figure stays; the database's own check tells that it is away.
    }
  };
  return async () => {
    if (now() >= until) {
      until = now() + CACHED_MS;
      reading = read();
    }
    await reading;
    const { depth, oldestUs } = known;
    return {
      depth,
      ageSeconds: oldestUs === null ? 0 : Math.max(0, now() - oldestUs / 1000) / 1000,
    };
  };
}
