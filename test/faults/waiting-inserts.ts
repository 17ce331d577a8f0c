/** What a lock holds up. */
import type { Connection } from "../../src/db/client.js";

/** How many batches of results have begun and wait for a lock; there is one a lane, at most. */
export async function countWaitingInserts(db: Connection): Promise<number> {
  const rows = await db.query(`
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND query LIKE '%groups AS MATERIALIZED%'`);
  return rows.length;
}
