/** Waits until the work of a job is done. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../src/db/client.js";

/** What waits for a job. */
type Waiting =
  | "inbox"
  | "event_fold_queue"
  | "fold_queue"
  | "runs WHERE missing_due_at IS NOT NULL";

/** Resolves when nothing waits there any more. */
export async function untilEmpty(db: Connection, waiting: Waiting): Promise<void> {
  while ((await db.query(`SELECT 1 FROM ${waiting} LIMIT 1`)).length > 0) await sleep(10);
}
