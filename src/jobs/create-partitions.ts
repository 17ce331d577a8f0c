/** Keeps the partitions of this month and the two after it ready. */
import { ensureResultsPartitions } from "../db/results-partitions.js";
import type { Job } from "./job.js";
import type { JobDeps } from "./job-deps.js";

/** The job. */
export function createPartitions({ db, now }: JobDeps): Job {
  return {
    name: "create-partitions",
    everyMs: 3_600_000,
    runOnce: () => ensureResultsPartitions(db, new Date(now()).toISOString().slice(0, 10)),
  };
}
