/** When tokens were last used, on the way into their rows: to about a minute, in batches. */
import type { Queryable } from "../db/queryable.js";
import { markUsed } from "../db/token-credentials.js";

/** Collects uses until they are written. */
export interface UseLog {
  /** Never fails and never waits. */
  note(tokenId: string, usedAt: number): void;
  /** Writes what was noted; what could not be written stays for the next time. */
  flush(): Promise<void>;
}

/** Tokens until the next flush; the use of further ones is noted a minute later. */
const MAX_TOKENS = 5_000;

/** An empty log. */
export function createUseLog(db: Queryable): UseLog {
  let uses = new Map<string, number>();
  return {
    note(tokenId, usedAt) {
      if (uses.size < MAX_TOKENS || uses.has(tokenId)) uses.set(tokenId, usedAt);
    },
    async flush() {
      if (uses.size === 0) return;
      const taken = uses;
      uses = new Map();
      try {
        await markUsed(
          db,
          [...taken].map(([tokenId, usedAt]) => ({ tokenId, usedUs: usedAt * 1000 })),
        );
      } catch (error) {
        uses = new Map([...taken, ...uses]);
        throw error;
      }
    },
  };
}
