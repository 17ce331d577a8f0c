/** The failures of a run, for those who watch it: the newest ones, or those of some batches. */
import { plainArray } from "./array-literal.js";
import type { Queryable } from "./queryable.js";
import {
  RESULT_BYTES,
  RESULT_COLUMNS,
  RUN_COLUMNS,
  resultsWithin,
  type StoredResult,
  type StoredResultColumns,
  type StoredRunColumns,
  type StoredTestColumns,
  storedResults,
  storedRun,
  testOf,
  toStoredResult,
  toStoredTest,
  withinBytes,
} from "./stored-results.js";

/** Failing batches that are looked at for the newest failures of a run. */
const BATCHES_EXAMINED = 1_000;

export interface FailureBounds {
  readonly limit: number;
  /** Of what is stored of them. */
  readonly maxBytes: number;
}

export interface RunFailures {
  readonly failures: readonly StoredResult[];
  /** There are more of those that were asked for. */
  readonly truncated: boolean;
}

/**
 * Failed and errored results of a living run that some batches stored, up to a limit and some bytes. Serves from
 * results_failures.
 */
export async function readBatchFailures(
  db: Queryable,
  projectKey: string,
  runKey: string,
  batchKeys: readonly string[],
  { limit, maxBytes }: FailureBounds,
  deadlineAt: number,
): Promise<RunFailures> {
  if (batchKeys.length === 0) return { failures: [], truncated: false };
  const params = [projectKey, runKey, limit + 1, maxBytes, plainArray(batchKeys)];
  const rows = await db.query<FailureColumns>(OF_BATCHES, params, { deadlineAt });
  return toFailures(rows, limit, maxBytes);
}

/**
 * The newest failed and errored results of a living run: those of its last failing batches. Serves from the key of
 * batches and from results_failures.
 */
export async function readNewestFailures(
  db: Queryable,
  projectKey: string,
  runKey: string,
  { limit, maxBytes }: FailureBounds,
  deadlineAt: number,
): Promise<RunFailures> {
  const params = [projectKey, runKey, limit + 1, maxBytes];
  const rows = await db.query<FailureColumns>(NEWEST, params, { deadlineAt });
  return toFailures(rows, limit, maxBytes);
}

type FailureColumns = StoredResultColumns &
  StoredRunColumns &
  StoredTestColumns & { found_count: string };

function toFailures(rows: readonly FailureColumns[], limit: number, maxBytes: number): RunFailures {
  const all = rows.map((row) => toStoredResult(row, row, toStoredTest(row)));
  const failures = resultsWithin(all, limit, maxBytes);
  return { failures, truncated: failures.length < Number(rows[0]?.found_count ?? 0) };
}

/**
 * The failures of the batches in `batches`, which has batch_key and created_at: of the newest batch first. A FULL JOIN is
 * never a nested loop, which would compare each failure with each batch.
 */
const text = (batches: string) => `
WITH run AS MATERIALIZED (
  SELECT run_key, run_day, ${RUN_COLUMNS}
  FROM runs
  WHERE project_key = $1 AND run_key = $2 AND deleted_at IS NULL
),
failing AS MATERIALIZED (${batches}),
found AS MATERIALIZED (
  SELECT created_at, ${RESULT_COLUMNS}, ${RESULT_BYTES} AS size
  FROM (
    SELECT ${RESULT_COLUMNS}
    FROM results
    WHERE project_key = $1 AND run_day = (SELECT run_day FROM run) AND run_key = (SELECT run_key FROM run)
      AND status IN (2, 3)
  ) AS failures
  FULL JOIN failing USING (batch_key)
  WHERE COALESCE(test_key, 0) > 0 AND COALESCE(created_at, '-infinity') > '-infinity'
  ORDER BY created_at DESC, test_key, result_id
  LIMIT $3::int
),
page AS (${withinBytes("ORDER BY created_at DESC, test_key, result_id", "$4::bigint")})
SELECT (SELECT count(*) FROM found) AS found_count, ${storedRun("run")}, t.*, ${storedResults.columns}
FROM ${storedResults.from}
CROSS JOIN run
CROSS JOIN LATERAL (${testOf("p.test_key")}) t
ORDER BY p.place`;

const OF_BATCHES = text(`
  SELECT batch_key, created_at
  FROM batches
  WHERE project_key = $1 AND run_key = $2 AND batch_key = ANY ($5::bigint[])`);

const NEWEST = text(`
  SELECT batch_key, created_at
  FROM batches
  WHERE project_key = $1 AND run_key = $2 AND failed_count + errored_count > 0
  ORDER BY created_at DESC
  LIMIT ${BATCHES_EXAMINED}`);
