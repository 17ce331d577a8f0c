/** Whether the database answers. */
import type { Queryable } from "./queryable.js";

/** Resolves when the database has answered; throws DbError if it does not. */
export async function ping(db: Queryable): Promise<void> {
  await db.query("SELECT 1");
}
