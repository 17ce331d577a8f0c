/** Results in their table, the ledger and the queue of the fold job, made by the database as an upload stores them. */
import type { Connection } from "../../src/db/client.js";

/** What the results are spread over. */
export interface ResultSpread {
  readonly tests: number;
  /** Of one row of the queue, as of a frame of a stream. */
  readonly resultsPerBatch: number;
}

/** Stores runs `first` to `first + count - 1` of a project, each with one result of every test; 2 in 100 fail. */
export async function fillRuns(
  connection: Connection,
  projectKey: string,
  first: number,
  count: number,
  { tests, resultsPerBatch }: ResultSpread,
): Promise<void> {
  for (let run = first; run < first + count; run++) {
    const [row] = await connection.query<{ run_key: string }>(RUN, [projectKey, run]);
    const runKey = row?.run_key ?? "";
    for (let from = 0; from < tests; from += resultsPerBatch) {
      const to = Math.min(tests, from + resultsPerBatch);
      await connection.query(BATCH, [projectKey, runKey, run, from + 1, to]);
    }
  }
}

const RUN = `
WITH run AS (
  INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given, branch, commit_sha)
  SELECT
    $1, 'run ' || $2::int, (now() AT TIME ZONE 'UTC')::date, 1, now(), false,
    CASE WHEN $2::int % 2 = 0 THEN 'main' ELSE 'dev' END, md5(($2::int / 4)::text)
  RETURNING run_key
),
part AS (
  INSERT INTO run_parts (
    project_key, run_key, part_id, job, attempt, shard_index, shard_total, producer, streamed
  )
  SELECT $1, run_key, decode(repeat('00', 16), 'hex'), 'unit', 1, 0, 0, '', true
  FROM run
)
SELECT run_key FROM run`;

// A test takes its own time, a tenth more or less.
const BATCH = `
WITH made AS (
  SELECT
    test, CASE WHEN random() < 0.02 THEN 2 ELSE 1 END::smallint AS status,
    (1000 * (1 + test % 900) * (0.9 + random() * 0.2))::bigint AS duration_us
  FROM generate_series($4::int, $5::int) AS test
),
stored AS (
  INSERT INTO results (
    project_key, run_key, test_key, batch_key, duration_us, run_day, status, attempt, result_id, failure_message,
    details
  )
  SELECT
    $1, $2::bigint, test, $3::int * 1000000::bigint + $4::int, duration_us, (now() AT TIME ZONE 'UTC')::date, status, 1,
    '~a.1.0', CASE WHEN status = 2 THEN 'expected 200, got ' || 500 + test % 5 END, NULL
  FROM made
),
counts AS (
  SELECT
    count(*) AS n, count(*) FILTER (WHERE status = 2) AS failed, sum(duration_us) AS duration_us,
    array_agg(test::bigint) AS test_keys, array_agg(status) AS statuses, array_agg(duration_us) AS durations
  FROM made
),
ledger AS (
  INSERT INTO batches (
    project_key, run_key, batch_key, part_id, token_id, late, accepted_count, duplicate_count, foreign_count,
    conflict_count, rejected_count, passed_count, failed_count, errored_count, skipped_count, precluded_count,
    duration_us
  )
  SELECT
    $1, $2::bigint, $3::int * 1000000::bigint + $4::int, decode(repeat('00', 16), 'hex'), 't', false, n, 0, 0, 0, 0,
    n - failed, failed, 0, 0, 0, duration_us
  FROM counts
)
INSERT INTO fold_queue (project_key, run_key, batch_key, test_keys, statuses, durations)
SELECT $1, $2::bigint, $3::int * 1000000::bigint + $4::int, test_keys, statuses, durations
FROM counts`;
