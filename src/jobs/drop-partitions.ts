/** Drops the partitions of months whose runs have all left by retention, deletion or never having been. */
import { DbError } from "../db/errors.js";
import type { Queryable } from "../db/queryable.js";
import { dropResultsPartition, partitionsToDrop } from "../db/results-partitions.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

export interface DropPartitionsDeps extends Pick<JobDeps, "db" | "log"> {
  /** A connection past a pooler, with a lock_timeout of seconds. */
  readonly connect: () => Queryable & AsyncDisposable;
}

/**
 * The job. A partition that is read for longer than the lock_timeout is left to the next round, with those after it:
 * they cannot be detached before it is.
 */
export function dropPartitions({ db, log, connect }: DropPartitionsDeps): Job {
  return {
    name: "drop-partitions",
    everyMs: 3_600_000,
    async runOnce() {
      const names = await partitionsToDrop(db);
      if (names.length === 0) return;
      await using connection = connect();
      for (const partition of names) {
        try {
          await dropResultsPartition(connection, partition);
          log.info({ event: "partition_dropped", partition });
        } catch (error) {
          if (!(error instanceof DbError && BUSY.has(error.sqlState))) throw error;
          log.info({ event: "partition_busy", partition, reason: error.message });
          return;
        }
      }
    },
  };
}

/** Lock not available, and a table of which another partition is being detached. */
const BUSY = new Set(["55P03", "55000"]);
