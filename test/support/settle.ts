import { Connection } from "../../src/db/client.js";
import { purgeDeleted } from "../../src/jobs/purge-deleted.js";
import { createLogger } from "../../src/log.js";
import { foldAll } from "./fold-all.js";

/**
 * Nothing stored waits to be folded and deleted runs are gone. The server's own jobs do the same, but seconds later.
 * `daysOn` days from now, if it is given.
 */
export async function settle(databaseUrl: string, daysOn = 0): Promise<void> {
  await using db = new Connection({ url: databaseUrl, prepare: true });
  const deps = { db, log: createLogger("silent"), now: Date.now, random: Math.random };
  const purge = purgeDeleted(deps);
  for (;;) {
    await foldAll(db, daysOn);
    await purge.runOnce();
    const [left] = await db.query<{ n: number }>(
      `SELECT (SELECT count(*) FROM fold_queue)::int + count(*)::int AS n
      FROM runs WHERE deleted_at IS NOT NULL AND purged_at IS NULL`,
    );
    if (left?.n === 0) return;
  }
}
