/** Stored results as answers show them: beside their run, their test, their part and what is known of their failure. */
import { microsOf, readMicros } from "./micros.js";

export interface StoredResult {
  readonly runKey: string;
  readonly runId: string;
  /** Microseconds since the epoch. */
  readonly runStartUs: number;
  readonly branch: string;
  readonly commitSha: string;
  readonly testKey: string;
  readonly test: StoredTest;
  readonly resultId: string;
  readonly status: number;
  readonly attempt: number;
  readonly startUs: number | null;
  readonly durationUs: number | null;
  readonly failureMessage: string | null;
  /** A TestResult of the fields that have no column. */
  readonly details: Uint8Array | null;
  readonly part: {
    readonly job: string;
    readonly attempt: number;
    readonly shardIndex: number;
    readonly shardTotal: number;
    readonly producer: string;
  };
  /** It came after its part had finished. */
  readonly late: boolean;
  /** A passed result contradicts it. */
  readonly flaky: boolean;
  /** An int8 in decimal; null where it did not fail, and until it is folded. */
  readonly fingerprint: string | null;
}

/** The identity of a test. */
export interface StoredTest {
  /** 32 hexadecimal digits. */
  readonly testId: string;
  readonly suite: string;
  readonly file: string;
  readonly name: string;
  readonly parameters: string;
  readonly variant: Readonly<Record<string, string>>;
}

/** A row of `storedResults`. */
export interface StoredResultColumns {
  run_key: string;
  test_key: string;
  result_id: string;
  status: number;
  attempt: number;
  start_us: string | null;
  duration_us: string | null;
  failure_message: string | null;
  details: Buffer | null;
  job: string;
  part_attempt: number;
  shard_index: number;
  shard_total: number;
  producer: string;
  late: boolean;
  flaky: boolean | null;
  fingerprint: string | null;
}

/** The columns of `storedRun`. */
export interface StoredRunColumns {
  run_id: string;
  run_start_us: string;
  branch: string;
  commit_sha: string;
}

/** A row with its run and its test, which another row may tell where results share them. */
export function toStoredResult(
  row: StoredResultColumns,
  run: StoredRunColumns,
  test: StoredTest,
): StoredResult {
  return {
    runKey: row.run_key,
    runId: run.run_id,
    runStartUs: Number(run.run_start_us),
    branch: run.branch,
    commitSha: run.commit_sha,
    testKey: row.test_key,
    test,
    resultId: row.result_id,
    status: row.status,
    attempt: row.attempt,
    startUs: readMicros(row.start_us),
    durationUs: readMicros(row.duration_us),
    failureMessage: row.failure_message,
    details: row.details,
    part: {
      job: row.job,
      attempt: row.part_attempt,
      shardIndex: row.shard_index,
      shardTotal: row.shard_total,
      producer: row.producer,
    },
    late: row.late,
    flaky: row.flaky ?? false,
    fingerprint: row.fingerprint,
  };
}

/** The columns of `testOf`. */
export interface StoredTestColumns extends Omit<StoredTest, "testId"> {
  test_id: string;
}

export function toStoredTest(row: StoredTestColumns): StoredTest {
  const { test_id: testId, suite, file, name, parameters, variant } = row;
  return { testId, suite, file, name, parameters, variant };
}

/**
 * The first of a page's results whose texts fit in it together; one at least. Results are small, but names and what
 * one printed may be long.
 */
export function resultsWithin(
  results: readonly StoredResult[],
  limit: number,
  maxBytes: number,
): readonly StoredResult[] {
  let bytes = 0;
  const end = results.findIndex((result, i) => {
    bytes += result.details?.length ?? 0;
    for (const text of textsOf(result)) bytes += Buffer.byteLength(text);
    return i === limit || (i > 0 && bytes > maxBytes);
  });
  return end === -1 ? results : results.slice(0, end);
}

function textsOf(result: StoredResult): string[] {
  const { runId, branch, commitSha, resultId, failureMessage, part, test } = result;
  return [
    ...[runId, branch, commitSha, resultId, failureMessage ?? "", part.job, part.producer],
    ...[test.suite, test.file, test.name, test.parameters, ...Object.entries(test.variant).flat()],
  ];
}

/** The columns of a result that `storedResults` needs of its page. */
export const RESULT_COLUMNS = `run_key, test_key, batch_key, result_id, status, attempt, start_time, duration_us,
    failure_message, details`;

/** Bytes of a result that may be large: compressed and external ones are not read for it. */
export const RESULT_BYTES =
  "COALESCE(octet_length(details), 0) + COALESCE(octet_length(failure_message), 0)";

/**
 * SQL of the first rows of the CTE `found` whose sizes pass a bound no sooner than with the last of them, each with its
 * `place`, from 1 on.
 */
export const withinBytes = (order: string, maxBytes: string) => `
  SELECT *
  FROM (
    SELECT *, row_number() OVER before AS place, sum(size) OVER before AS size_before
    FROM found
    WINDOW before AS (${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ) AS sized
  WHERE COALESCE(size_before, 0) <= ${maxBytes}`;

/** The columns of runs that `storedRun` needs. */
export const RUN_COLUMNS = "run_id, started_at, branch, commit_sha";

/** What is told of the run in a table or alias with RUN_COLUMNS. */
export const storedRun = (run: string) =>
  `${run}.run_id, ${microsOf(`${run}.started_at`)} AS run_start_us, ${run}.branch, ${run}.commit_sha`;

/** The test of a key. `$1` is the project. OFFSET 0 keeps it a look-up by key. */
export const testOf = (testKey: string) => `
  SELECT encode(test_id, 'hex') AS test_id, suite, file, name, parameters, variant
  FROM tests
  WHERE project_key = $1 AND test_key = ${testKey}
  OFFSET 0`;

/**
 * A FROM clause and its columns: the rows `p` of the CTE `page`, which has RESULT_COLUMNS, with what belongs to each of
 * them alone, looked up by the whole key of its table (OFFSET 0 keeps it so). `$1` is the project.
 */
export const storedResults = {
  columns: `p.run_key, p.test_key, p.result_id, p.status, p.attempt, ${microsOf("p.start_time")} AS start_us,
  p.duration_us, p.failure_message, p.details, b.job, b.part_attempt, b.shard_index, b.shard_total, b.producer,
  b.late, f.contradicted AS flaky, f.fingerprint`,
  from: `page p
CROSS JOIN LATERAL (
  SELECT late, part_id
  FROM batches
  WHERE project_key = $1 AND run_key = p.run_key AND batch_key = p.batch_key
  OFFSET 0
) ledger
CROSS JOIN LATERAL (
  SELECT ledger.late, job, attempt AS part_attempt, shard_index, shard_total, producer
  FROM run_parts
  WHERE project_key = $1 AND run_key = p.run_key AND part_id = ledger.part_id
  OFFSET 0
) b
LEFT JOIN LATERAL (
  SELECT contradicted, fingerprint
  FROM failures
  WHERE p.status IN (2, 3) AND project_key = $1 AND run_key = p.run_key AND test_key = p.test_key
    AND result_id = p.result_id COLLATE "C"
  OFFSET 0
) f ON true`,
};
