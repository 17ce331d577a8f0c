import type { Connection } from "../../src/db/client.js";

/** How many statements of this connection's database wait for a lock. */
export async function countLockWaiters(db: Connection): Promise<number> {
  const rows = await db.query(
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
  );
  return rows.length;
}
