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
  run_id: string;
  run_start_us: string;
  branch: string;
  commit_sha: string;
  test_key: string;
  test_id: string;
  suite: string;
  file: string;
  name: string;
  parameters: string;
  variant: Record<string, string>;
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

export function toStoredResult(row: StoredResultColumns): StoredResult {
  return {
    runKey: row.run_key,
    runId: row.run_id,
    runStartUs: Number(row.run_start_us),
    branch: row.branch,
    commitSha: row.commit_sha,
    testKey: row.test_key,
    test: {
      testId: row.test_id,
      suite: row.suite,
      file: row.file,
      name: row.name,
      parameters: row.parameters,
      variant: row.variant,
    },
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

/**
 * The first of a page's rows whose texts fit in it together; one at least. Rows are small, but names and what a result
 * printed may be long.
 */
export function rowsWithin<R extends StoredResultColumns>(
  rows: readonly R[],
  limit: number,
  maxBytes: number,
): readonly R[] {
  let bytes = 0;
  const end = rows.findIndex((row, i) => {
    bytes += row.details?.length ?? 0;
    for (const text of textsOf(row)) bytes += Buffer.byteLength(text ?? "");
    return i === limit || (i > 0 && bytes > maxBytes);
  });
  return end === -1 ? rows : rows.slice(0, end);
}

function textsOf(row: StoredResultColumns): (string | null)[] {
  const { run_id, branch, commit_sha, suite, file, name, parameters, job, producer } = row;
  const variant = Object.entries(row.variant).flat();
  return [
    ...[run_id, branch, commit_sha, suite, file, name, parameters, job, producer],
    ...[row.result_id, row.failure_message, ...variant],
  ];
}

/** The columns of a result that `storedResults` needs of its page. */
export const RESULT_COLUMNS = `run_key, test_key, batch_key, result_id, status, attempt, start_time, duration_us,
    failure_message, details`;

/** Bytes of a result that may be large: compressed and external ones are not read for it. */
export const RESULT_BYTES =
  "COALESCE(octet_length(details), 0) + COALESCE(octet_length(failure_message), 0)";

/** SQL of the first rows of the CTE `found` whose sizes pass a bound no sooner than with the last of them. */
export const withinBytes = (order: string, maxBytes: string) => `
  SELECT *
  FROM (
    SELECT *, sum(size) OVER (${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS size_before
    FROM found
  ) AS sized
  WHERE COALESCE(size_before, 0) <= ${maxBytes}`;

/**
 * A FROM clause and its columns: the rows of `page`, which has RESULT_COLUMNS, with what belongs to them, each
 * looked up by the whole key of its table (OFFSET 0 keeps it so). `$1` is the project.
 */
export const storedResults = (page: string) => ({
  columns: `p.run_key, r.run_id, r.run_start_us, r.branch, r.commit_sha, p.test_key, t.test_id, t.suite, t.file,
  t.name, t.parameters, t.variant, p.result_id, p.status, p.attempt, ${microsOf("p.start_time")} AS start_us,
  p.duration_us, p.failure_message, p.details, b.job, b.part_attempt, b.shard_index, b.shard_total, b.producer,
  b.late, f.contradicted AS flaky, f.fingerprint`,
  from: `${page} p
CROSS JOIN LATERAL (
  SELECT run_id, ${microsOf("started_at")} AS run_start_us, branch, commit_sha
  FROM runs
  WHERE project_key = $1 AND run_key = p.run_key
  OFFSET 0
) r
CROSS JOIN LATERAL (
  SELECT encode(test_id, 'hex') AS test_id, suite, file, name, parameters, variant
  FROM tests
  WHERE project_key = $1 AND test_key = p.test_key
  OFFSET 0
) t
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
});
