/** The database's clock, which all servers share. */
import { microsOf } from "./micros.js";
import type { Queryable } from "./queryable.js";

/** What time it is, in microseconds since the epoch. What was committed before has no later time. */
export async function readClock(db: Queryable, deadlineAt: number): Promise<number> {
  const [row] = await db.query<{ now_us: string }>(READ, [], { deadlineAt });
  if (row === undefined) throw new Error("the statement answers one row");
  return Number(row.now_us);
}

const READ = `SELECT ${microsOf("now()")} AS now_us`;
