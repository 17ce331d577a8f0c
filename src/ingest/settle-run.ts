/** Derives the state of a run from what is committed, and stores it for filters. */
import type { Queryable } from "../db/queryable.js";
import { type RetryOptions, withRetries } from "../db/retry.js";
import { type RunRecord, readRunRecords } from "../db/run-records.js";
import { settleRun } from "../db/run-states.js";
import { resultVerdicts } from "./part-verdicts.js";
import { type DerivedRun, deriveRun, settlementOf } from "./run-state.js";

/** Races with other writers of the same run that are worth another try; the job does the rest. */
const ATTEMPTS = 5;

export interface SettledRun {
  readonly record: RunRecord;
  readonly derived: DerivedRun;
}

/**
 * The run as it stands. Its stored state, status and finish are the derived ones afterwards, unless others keep
 * changing the run: then the last of them, or the job of unsettled runs, stores them. Null if the run is gone.
 */
export async function settleRunState(
  db: Queryable,
  projectKey: string,
  runKey: string,
  retry: RetryOptions,
): Promise<SettledRun | null> {
  for (let attempt = 1; ; attempt++) {
    const [record] = await withRetries(
      () => readRunRecords(db, projectKey, [runKey], retry.deadlineAt),
      retry,
    );
    if (record === undefined) return null;
    const derived = deriveRun(record);
    if (record.settled || attempt > ATTEMPTS) return { record, derived };
    const settlement = settlementOf(record, derived);
    const verdicts = resultVerdicts(record);
    const settled = await withRetries(
      () => settleRun(db, projectKey, record, settlement, verdicts, retry.deadlineAt),
      retry,
    );
    if (settled) return { record, derived };
  }
}
