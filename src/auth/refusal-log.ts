/** Refused calls on their way into the audit log: one row for each minute, address and token id. */
import { addRefusals, type Refusals } from "../db/audit-entries.js";
import type { Queryable } from "../db/queryable.js";

/** Counts refusals until they are written. */
export interface RefusalLog {
  /** Counts one refusal. Never fails and never waits. */
  note(address: string, tokenId: string, projectId: string): void;
  /** Writes what was counted; what could not be written stays for the next time. */
  flush(): Promise<void>;
}

/**
 * Rows of one minute, written or not: nobody needs a token to be refused, so who invents addresses and ids
 * must not fill the disk. Further refusals share one row without address and id.
 */
const ROWS_PER_MINUTE = 500;
/** Ids of one address in a minute; further ones share the address's row without id. */
const IDS_PER_ADDRESS = 20;
/** Rows that wait while the database is away; after that a minute gets the shared row alone. */
const MAX_WAITING = 1_000;
const MAX_ADDRESS_LENGTH = 100;
const MINUTE_MS = 60_000;

/** An empty log. A count is exact but for a flush whose answer was lost, which counts twice. */
export function createRefusalLog(db: Queryable, now: () => number): RefusalLog {
  let waiting = new Map<string, Refusals>();
  let rows = startMinute(0);
  const add = (refusals: Refusals) => {
    const key = JSON.stringify([refusals.minuteUs, refusals.address, refusals.tokenId]);
    const known = waiting.get(key);
    if (known !== undefined) {
      waiting.set(key, { ...known, count: known.count + refusals.count });
    } else if (waiting.size < MAX_WAITING || refusals.address === "") {
      waiting.set(key, refusals);
    } else {
      add({ ...refusals, ...SHARED });
    }
  };
  return {
    note(address, tokenId, projectId) {
      const minuteUs = Math.floor(now() / MINUTE_MS) * MINUTE_MS * 1000;
      if (minuteUs !== rows.minuteUs) rows = startMinute(minuteUs);
      const shown = address.slice(0, MAX_ADDRESS_LENGTH);
      add({ minuteUs, count: 1, ...rows.rowOf(shown, tokenId, projectId) });
    },
    async flush() {
      if (waiting.size === 0) return;
      const taken = waiting;
      waiting = new Map();
      try {
        await addRefusals(db, [...taken.values()]);
      } catch (error) {
        for (const refusals of taken.values()) add(refusals);
        throw error;
      }
    },
  };
}

type Row = Pick<Refusals, "address" | "tokenId" | "projectId">;

const SHARED: Row = { address: "", tokenId: "", projectId: "" };

/** Which row of a minute a refusal belongs to. */
function startMinute(minuteUs: number) {
  /** The ids that have rows, by address. */
  const idsOf = new Map<string, Set<string>>();
  let count = 0;
  return {
    minuteUs,
    rowOf(address: string, tokenId: string, projectId: string): Row {
      const ids = idsOf.get(address) ?? new Set();
      const isNew = !ids.has(tokenId);
      const row =
        isNew && ids.size >= IDS_PER_ADDRESS
          ? { address, tokenId: "", projectId: "" }
          : { address, tokenId, projectId };
      if (ids.has(row.tokenId)) return row;
      if (count >= ROWS_PER_MINUTE) return SHARED;
      idsOf.set(address, ids.add(row.tokenId));
      count += 1;
      return row;
    },
  };
}
