/** Work of which all servers of a database together do one piece at a time. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionOptions } from "./client.js";
import { DbError } from "./errors.js";
import { Pool } from "./pool.js";

export interface Turns extends AsyncDisposable {
  /** Waits until nobody has the turn of this name; throws DbError "timeout" at `deadlineAt`, in milliseconds since the epoch. */
  take(name: string, deadlineAt: number): Promise<AsyncDisposable>;
}

/** How soon a turn is asked for again: waiting for it would take the connection of all turns. */
const AGAIN_MS = 20;

/** Turns of a connection past any pooler. They end with it: a server that is gone has none. */
export function createTurns(options: Omit<ConnectionOptions, "prepare">): Turns {
  const pool = new Pool({ ...options, prepare: false, size: 1 });
  /** The database gives the same session a lock as often as it asks. */
  const taken = new Set<string>();
  const tryToTake = async (name: string) => {
    if (taken.has(name)) return false;
    taken.add(name);
    try {
      // Without the caller's deadline: a statement that is given up ends the connection, and all turns with it.
      const [row] = await pool.query<{ is_taken: boolean }>(TAKE, [name]);
      if (row?.is_taken) return true;
    } catch (error) {
      taken.delete(name);
      throw error;
    }
    taken.delete(name);
    return false;
  };
  let isClosed = false;
  /** Whether the turn is given back, or has ended with its connection. */
  const tryToGive = async (name: string) => {
    try {
      await pool.query(GIVE, [name]);
    } catch {
      return isClosed;
    }
    taken.delete(name);
    return true;
  };
  return {
    async take(name, deadlineAt) {
      while (!(await tryToTake(name))) {
        if (Date.now() + AGAIN_MS >= deadlineAt) {
          throw new DbError("timeout", `no turn of ${name} before the deadline`, "", "");
        }
        await sleep(AGAIN_MS);
      }
      return {
        async [Symbol.asyncDispose]() {
          if (await tryToGive(name)) return;
          // Who had the turn need not wait until the database takes it back.
          void (async () => {
            while (!(await tryToGive(name))) await sleep(AGAIN_MS);
          })();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await pool[Symbol.asyncDispose]();
    },
  };
}

const keyOf = (name: string) => `hashtextextended('tally turn ' || ${name}, 0)`;
const TAKE = `SELECT pg_try_advisory_lock(${keyOf("$1::text")}) AS is_taken`;
const GIVE = `SELECT pg_advisory_unlock(${keyOf("$1::text")})`;

/** SQL: whether nobody has the turn of the name that an expression says. Asking takes it, and gives it back at once. */
export const isTurnFree = (name: string) =>
  `CASE WHEN pg_try_advisory_lock(${keyOf(name)}) THEN pg_advisory_unlock(${keyOf(name)}) ELSE false END`;
