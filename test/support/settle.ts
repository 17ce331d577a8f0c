import { Connection } from "../../src/db/client.js";
import { foldResults } from "../../src/jobs/fold-results.js";
import { purgeDeleted } from "../../src/jobs/purge-deleted.js";
import { createLogger } from "../../src/log.js";

/**
 * Nothing stored waits to be folded and deleted runs are gone. The server's own jobs do the same, but seconds later.
 * `daysOn` days from now, if it is given.
 */
export async function settle(databaseUrl: string, daysOn = 0): Promise<void> {
  await using db = new Connection({ url: databaseUrl, prepare: true });
  const deps = { db, log: createLogger("silent"), now: Date.now, random: Math.random };
  const fold = foldResults(deps, { todayOf: (day) => day + daysOn });
  const purge = purgeDeleted(deps);
  for (;;) {
    await fold.runOnce();
    await purge.runOnce();
    const [left] = await db.query<{ n: number }>(
      `SELECT (SELECT count(*) FROM fold_queue)::int + count(*)::int AS n
      FROM runs WHERE deleted_at IS NOT NULL AND purged_at IS NULL`,
    );
    if (left?.n === 0) return;
  }
}
