import type { Queryable } from "../../src/db/queryable.js";

/** How many statements of this database wait for a lock. Within a transaction, as many as at the first look. */
export async function countLockWaiters(db: Queryable): Promise<number> {
  const rows = await db.query(
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
  );
  return rows.length;
}
