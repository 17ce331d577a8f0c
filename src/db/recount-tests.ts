/** The figures of tests that are stored, in the order of the tests. */
import { WINDOWS } from "./fold-test-clauses.js";
import { microsOf } from "./micros.js";
import { foldedRows } from "./recount.js";
import type { Snapshot } from "./snapshot.js";

export interface StoredFailure {
  readonly test_key: string;
  readonly run_key: string;
  readonly result_id: string;
  readonly status: number;
  readonly counted_us: string;
  readonly contradicted: boolean;
  readonly job: string;
  readonly commit_sha: string;
  readonly tree_sha: string;
  readonly run_commit_sha: string;
  readonly run_tree_sha: string;
  readonly dirty: boolean;
  readonly leaves: boolean;
  readonly moves: boolean;
}

export interface StoredDay {
  readonly test_key: string;
  readonly day: number;
  readonly sums: string;
  readonly flaky_count: number;
  readonly histogram: string;
  readonly run_keys: string;
  readonly more_runs: boolean;
}

export interface StoredWindows {
  readonly test_key: string;
  readonly day: number;
  readonly last_run_key: string;
  readonly last_counted_us: string;
  readonly last_status: number;
  readonly recent: Uint8Array;
  readonly histogram_7: string;
  readonly histogram_30: string;
  readonly histogram_90: string;
  readonly [column: string]: string | number | Uint8Array;
}

const DAY = "day - DATE '1970-01-01' AS day";

export function storedDays(snapshot: Snapshot, projectKey: string): AsyncGenerator<StoredDay> {
  return foldedRows(
    snapshot,
    projectKey,
    "test_days",
    `test_key, ${DAY}, concat_ws(' ', passed_count, failed_count, errored_count, skipped_count, precluded_count,
      duration_us) AS sums, flaky_count, encode(durations, 'hex') AS histogram, run_keys::text, more_runs`,
    "test_key",
  );
}

export function storedWindows(
  snapshot: Snapshot,
  projectKey: string,
): AsyncGenerator<StoredWindows> {
  const sums = WINDOWS.map((window) => {
    const columns = ["passed", "failed", "errored", "skipped", "precluded", "duration_us", "flaky"];
    const names = columns.map((column) => `${column}_${window}`).join(", ");
    return `concat_ws(' ', ${names}) AS sums_${window}, p95_us_${window}`;
  });
  return foldedRows(
    snapshot,
    projectKey,
    "test_windows",
    `test_key, ${DAY}, last_run_key, ${microsOf("last_counted_at")} AS last_counted_us, last_status, recent,
      ${sums.join(", ")}, encode(durations_7, 'hex') AS histogram_7, encode(durations_30, 'hex') AS histogram_30,
      encode(durations_90, 'hex') AS histogram_90`,
    "test_key",
  );
}

export function storedFailures(
  snapshot: Snapshot,
  projectKey: string,
): AsyncGenerator<StoredFailure> {
  return snapshot.rows(`
    SELECT
      f.test_key, f.run_key, f.result_id, f.status, ${microsOf("f.counted_at")} AS counted_us, f.contradicted, f.job,
      f.commit_sha, f.tree_sha, u.commit_sha AS run_commit_sha, u.tree_sha AS run_tree_sha, u.dirty,
      u.deleted_at IS NOT NULL AS leaves,
      EXISTS (
        SELECT FROM fold_queue q
        WHERE q.project_key = ${projectKey} AND q.run_key = f.run_key AND q.weight = 0
      ) AS moves
    FROM failures f
    JOIN runs u ON u.project_key = f.project_key AND u.run_key = f.run_key
    WHERE f.project_key = ${projectKey}
    ORDER BY f.test_key`);
}
