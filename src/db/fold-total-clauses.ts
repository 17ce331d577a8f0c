/** How a step of folding leaves the queue, and enters the totals of runs, parts and periods. */
import type {
  FoldedRun,
  FoldStep,
  PartMove,
  PeriodMove,
  QueueKey,
  StatusCounts,
} from "./fold-rows.js";
import { timeOf } from "./micros.js";
import { bytes, type Clause, clause, type ListColumn, plain, text } from "./row-lists.js";

/** The columns of counts by status. */
export const STATUS_COLUMNS = [
  "passed_count",
  "failed_count",
  "errored_count",
  "skipped_count",
  "precluded_count",
] as const;

/** A list's columns of counts by status. */
export function statusColumns<Row extends { readonly counts: StatusCounts }>(): ListColumn<Row>[] {
  return STATUS_COLUMNS.map((name, i) => plain(name, "bigint", ({ counts }) => counts[i] ?? 0));
}

/** `x = t.x + EXCLUDED.x` for each of the columns. */
export function added(columns: readonly string[]): string {
  return columns.map((column) => `${column} = t.${column} + EXCLUDED.${column}`).join(", ");
}

const queueColumns: ListColumn<QueueKey>[] = [
  plain("run_key", "bigint", (row) => row.runKey),
  plain("batch_key", "bigint", (row) => row.batchKey),
];

const runColumns: ListColumn<FoldedRun>[] = [
  plain("run_key", "bigint", (row) => row.runKey),
  plain("counted_us", "bigint", (row) => row.countedUs),
  text("branch", (row) => row.branch),
  text("commit_sha", (row) => row.commitSha),
  text("tree_sha", (row) => row.treeSha),
  plain("dirty", "boolean", (row) => row.dirty),
  plain("next_counted_us", "bigint", ({ move }) => move?.countedUs ?? null),
  text("next_branch", ({ move }) => move?.branch ?? null),
  plain("moved_test_key", "bigint", ({ move }) => move?.testKey ?? null),
  text("moved_result_id", ({ move }) => move?.resultId ?? null),
];

const PART_SUMS = [
  ...STATUS_COLUMNS,
  "duplicate_count",
  "foreign_count",
  "conflict_count",
  "rejected_count",
  "late_count",
  "duration_us",
];
const partColumns: ListColumn<PartMove>[] = [
  plain("run_key", "bigint", (row) => row.runKey),
  plain("part_id", "bytea", (row) => `"\\\\x${row.partId}"`),
  ...statusColumns<PartMove>(),
  plain("duplicate_count", "bigint", (row) => row.duplicates),
  plain("foreign_count", "bigint", (row) => row.foreign),
  plain("conflict_count", "bigint", (row) => row.conflicts),
  plain("rejected_count", "bigint", (row) => row.rejected),
  plain("late_count", "bigint", (row) => row.late),
  plain("duration_us", "numeric", (row) => row.durationUs),
  bytes("durations", (row) => row.durations),
];

const PERIOD_SUMS = [...STATUS_COLUMNS, "duration_us"];
const periodColumns: ListColumn<PeriodMove>[] = [
  plain("unit", "smallint", (row) => row.unit),
  text("branch", (row) => row.branch),
  plain("start_us", "bigint", (row) => row.startUs),
  ...statusColumns<PeriodMove>(),
  plain("duration_us", "numeric", (row) => row.durationUs),
  bytes("durations", (row) => row.durations),
];

export const totalClauses: readonly Clause<FoldStep>[] = [
  clause(
    (step) => step.queue,
    queueColumns,
    (rows) => `
dequeued AS (
  DELETE FROM fold_queue AS t
  USING guard, ${rows}
  WHERE t.project_key = $1 AND t.run_key = d.run_key AND t.batch_key = d.batch_key
)`,
  ),
  clause(
    (step) => step.runs,
    runColumns,
    (rows) => `
folded_runs AS (
  INSERT INTO folded_runs AS t (
    project_key, run_key, counted_at, next_counted_at, moved_test_key, dirty, branch, commit_sha, tree_sha,
    next_branch, moved_result_id
  )
  SELECT
    $1, d.run_key, ${timeOf("d.counted_us")}, ${timeOf("d.next_counted_us")}, d.moved_test_key, d.dirty,
    d.branch, d.commit_sha, d.tree_sha, d.next_branch, d.moved_result_id
  FROM guard, ${rows}
  ON CONFLICT (project_key, run_key) DO UPDATE SET
    counted_at = EXCLUDED.counted_at, next_counted_at = EXCLUDED.next_counted_at,
    moved_test_key = EXCLUDED.moved_test_key, dirty = EXCLUDED.dirty, branch = EXCLUDED.branch,
    commit_sha = EXCLUDED.commit_sha, tree_sha = EXCLUDED.tree_sha, next_branch = EXCLUDED.next_branch,
    moved_result_id = EXCLUDED.moved_result_id
)`,
  ),
  clause(
    (step) => step.unpurgedRuns,
    [plain<string>("run_key", "bigint", (runKey) => runKey)],
    (rows) => `
unpurged AS (
  UPDATE runs AS t
  SET purged_at = NULL
  FROM guard, ${rows}
  WHERE t.project_key = $1 AND t.run_key = d.run_key
)`,
  ),
  // A statement that found the run open may have committed after the run was settled: it is settled again.
  clause(
    (step) => [...new Set(step.parts.map(({ runKey }) => runKey))],
    [plain<string>("run_key", "bigint", (runKey) => runKey)],
    (rows) => `
unsettled AS (
  UPDATE runs AS t
  SET state_version = state_version + 1, unsettled_at = now()
  FROM guard, ${rows}
  WHERE t.project_key = $1 AND t.run_key = d.run_key AND t.state <> 1 AND t.unsettled_at IS NULL
    AND t.deleted_at IS NULL AND t.expired_at IS NULL
)`,
  ),
  clause(
    (step) => step.parts,
    partColumns,
    (rows) => `
part_totals AS (
  INSERT INTO part_totals AS t (
    project_key, run_key, part_id, accepted_count, ${PART_SUMS.join(", ")}, durations
  )
  SELECT
    $1, d.run_key, d.part_id, ${STATUS_COLUMNS.map((column) => `d.${column}`).join(" + ")},
    ${PART_SUMS.map((column) => `d.${column}`).join(", ")}, d.durations
  FROM guard, ${rows}
  ON CONFLICT (project_key, run_key, part_id) DO UPDATE SET
    ${added(["accepted_count", ...PART_SUMS])}, durations = EXCLUDED.durations
)`,
  ),
  clause(
    (step) => step.periods,
    periodColumns,
    (rows) => `
project_periods AS (
  INSERT INTO project_periods AS t (
    project_key, unit, all_branches, branch, start_at, ${PERIOD_SUMS.join(", ")}, durations
  )
  SELECT
    $1, d.unit, d.branch IS NULL, COALESCE(d.branch, ''), ${timeOf("d.start_us")},
    ${PERIOD_SUMS.map((column) => `d.${column}`).join(", ")}, d.durations
  FROM guard, ${rows}
  ON CONFLICT (project_key, unit, all_branches, branch, start_at) DO UPDATE SET
    ${added(PERIOD_SUMS)}, durations = EXCLUDED.durations
)`,
  ),
];
