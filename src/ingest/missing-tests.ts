/** Finds the tests that a run lacks, and keeps them with the run. */

import { readBaseRuns } from "../db/base-runs.js";
import { type FoundMissing, findMissingTests } from "../db/missing-test-search.js";
import { keepMissingTests } from "../db/missing-tests.js";
import type { Queryable } from "../db/queryable.js";
import { readRunSummaries } from "../db/run-records.js";
import { limits } from "../limits.js";
import { finishedJobs } from "./run-state.js";

/**
 * What is kept of the run is then what it lacks now, or what somebody found later. Of jobs that have not finished
 * nothing is missing yet. A run of any size is read in stretches of bounded statements.
 */
export async function findMissing(
  db: Queryable,
  projectKey: string,
  runKey: string,
  deadlineAt: number,
): Promise<void> {
  const [record] = await readRunSummaries(db, projectKey, [runKey], deadlineAt);
  if (record === undefined) return;
  const jobs = finishedJobs(record);
  const bases = await readBaseRuns(db, projectKey, runKey, jobs, deadlineAt);
  const kept = limits.missingTestsKept;
  const found: FoundMissing[] = [];
  let count = 0;
  for (let next: string | null = bases.length === 0 ? null : "0"; next !== null; ) {
    const stretch = await findMissingTests(db, projectKey, runKey, bases, next, kept, deadlineAt);
    found.push(...stretch.first);
    count += stretch.count;
    next = stretch.next;
  }
  await keepMissingTests(db, projectKey, record, count, found, kept, deadlineAt);
}
