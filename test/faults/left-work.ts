/** What the jobs of a server have left undone. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../../src/db/client.js";

/** Jobs look for work every few seconds. */
const DONE_WITHIN_MS = 30_000;

/** A line for every run that still waits for a job while nobody sends anything any more. */
export async function leftWork(db: Connection): Promise<string[]> {
  const giveUpAt = performance.now() + DONE_WITHIN_MS;
  for (;;) {
    const rows = await db.query<{ run_id: string; work: string }>(`
      SELECT run_id, CASE WHEN unsettled_at IS NULL THEN 'missing tests' ELSE 'settling' END AS work
      FROM runs
      WHERE (unsettled_at IS NOT NULL OR missing_due_at IS NOT NULL) AND deleted_at IS NULL`);
    if (rows.length === 0 || performance.now() > giveUpAt) {
      return rows.map(({ run_id, work }) => `${run_id} still waits for its ${work}`);
    }
    await sleep(200);
  }
}
