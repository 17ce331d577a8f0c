/** Waits until the work that a table stands for is done. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../src/db/client.js";

/** Resolves when the table has no row. */
export async function untilEmpty(
  db: Connection,
  table: "inbox" | "event_fold_queue" | "fold_queue",
): Promise<void> {
  while ((await db.query(`SELECT 1 FROM ${table} LIMIT 1`)).length > 0) await sleep(10);
}
