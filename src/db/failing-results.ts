/** Failed and errored results of what is being folded, with what their fingerprint is made of. */
import { plainArray } from "./array-literal.js";
import type { Queryable } from "./queryable.js";

/** A test in a run. */
export interface RunTest {
  readonly runKey: string;
  /** ISO date: the partition of the run's results. */
  readonly runDay: string;
  readonly testKey: number;
}

export interface FailingResult {
  /** Which of the tests asked for. */
  readonly index: number;
  readonly resultId: string;
  readonly batchKey: string;
  /** 2 failed, 3 errored. */
  readonly status: number;
  readonly attempt: number;
  readonly message: string;
  /** The first bytes of a TestResult; kind and type of the failure are among them. */
  readonly details: Uint8Array | null;
}

/** Behind which result a page begins. */
export interface PageStart {
  readonly index: number;
  readonly resultId: string;
}

/**
 * Failing results of these tests that these batches stored, by test and id, behind a place; up to `limit`. Each test
 * by the primary key of results.
 */
export async function readFailingResults(
  db: Queryable,
  projectKey: string,
  tests: readonly RunTest[],
  batchKeys: readonly string[],
  after: PageStart,
  limit: number,
): Promise<FailingResult[]> {
  const rows = await db.query<ResultColumns>(FAILING, [
    projectKey,
    plainArray(tests.map((test) => test.runKey)),
    plainArray(tests.map((test) => test.runDay)),
    plainArray(tests.map((test) => test.testKey)),
    plainArray(batchKeys),
    after.index + 1,
    after.resultId,
    limit,
  ]);
  return rows.map((row) => ({
    index: row.ord - 1,
    resultId: row.result_id,
    batchKey: row.batch_key,
    status: row.status,
    attempt: row.attempt,
    message: row.failure_message ?? "",
    details: row.details,
  }));
}

interface ResultColumns {
  ord: number;
  result_id: string;
  batch_key: string;
  status: number;
  attempt: number;
  failure_message: string | null;
  details: Uint8Array | null;
}

// Before kind and type come raw_status and themselves: 1 KiB each, and some bytes of headers.
const FAILING = `
SELECT d.ord::int, r.*
FROM unnest($2::bigint[], $3::date[], $4::bigint[]) WITH ORDINALITY AS d(run_key, run_day, test_key, ord)
CROSS JOIN LATERAL (
  SELECT
    result_id, batch_key, status, attempt, failure_message, substring(details FROM 1 FOR 4096) AS details
  FROM results
  WHERE project_key = $1 AND run_day = d.run_day AND run_key = d.run_key AND test_key = d.test_key
    AND status IN (2, 3) AND batch_key = ANY ($5::bigint[])
    AND (d.ord > $6::int OR result_id > $7::text)
  OFFSET 0
) r
WHERE d.ord >= $6::int
ORDER BY d.ord, r.result_id
LIMIT $8::int`;
