/** Refused calls on their way into the audit log: one row for each minute, address and token id. */
import { addRefusals, type Refusals } from "../db/audit-entries.js";
import type { Queryable } from "../db/queryable.js";

export interface RefusalLog {
  /** Counts one refusal. Never fails and never waits. */
  note(address: string, tokenId: string, projectId: string): void;
  /** Writes what was counted; what could not be written stays for the next time. */
  flush(): Promise<void>;
}

/** Rows until the next flush; further refusals share one row without address and id. */
const MAX_ROWS = 1_000;
const MAX_ADDRESS_LENGTH = 100;
const MINUTE_MS = 60_000;

/** An empty log. A count is exact but for a flush whose answer was lost, which counts twice. */
export function createRefusalLog(db: Queryable, now: () => number): RefusalLog {
  let rows = new Map<string, Refusals>();
  const add = (refusals: Refusals) => {
    const key = JSON.stringify([refusals.minuteUs, refusals.address, refusals.tokenId]);
    const known = rows.get(key);
    if (known !== undefined) {
      rows.set(key, { ...known, count: known.count + refusals.count });
    } else if (rows.size < MAX_ROWS || refusals.address === "") {
      rows.set(key, refusals);
    } else {
      add({ ...refusals, address: "", tokenId: "", projectId: "" });
    }
  };
  return {
    note(address, tokenId, projectId) {
      const minuteUs = Math.floor(now() / MINUTE_MS) * MINUTE_MS * 1000;
      add({
        minuteUs,
        address: address.slice(0, MAX_ADDRESS_LENGTH),
        tokenId,
        projectId,
        count: 1,
      });
    },
    async flush() {
      if (rows.size === 0) return;
      const taken = rows;
      rows = new Map();
      try {
        await addRefusals(db, [...taken.values()]);
      } catch (error) {
        for (const refusals of taken.values()) add(refusals);
        throw error;
      }
    },
  };
}
