/** Monthly partitions of results. */
import type { Queryable } from "./queryable.js";

/** The partition of a day's month exists. */
export async function ensureResultsPartition(db: Queryable, day: string): Promise<void> {
  await db.query("SELECT ensure_results_partition($1::text::date)", [day]);
}

/** The partitions of a day's month and of the two after it exist. */
export async function ensureResultsPartitions(db: Queryable, day: string): Promise<void> {
  await db.query(
    `SELECT ensure_results_partition(($1::text::date + months * interval '1 month')::date)
     FROM generate_series(0, 2) AS months`,
    [day],
  );
}
