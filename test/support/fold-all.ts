import type { Connection } from "../../src/db/client.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { createLogger } from "../../src/log.js";

const ROUNDS = 100;

/**
 * Folds until nothing waits to be folded, and answers whether that came about. One round may leave something: a server
 * of the test folds too, and where both are at a step, the slower one leaves the project to the other.
 */
export async function foldAll(db: Connection, daysOn = 0): Promise<boolean> {
  const deps = { db, log: createLogger("silent"), now: Date.now, random: Math.random };
  const job = foldResults(deps, { todayOf: (day) => day + daysOn });
  for (let round = 0; round < ROUNDS; round++) {
    await job.runOnce();
    const left = await db.query("SELECT FROM fold_queue LIMIT 1");
    if (left.length === 0) return true;
  }
  return false;
}
