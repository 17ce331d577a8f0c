/** How a step of folding enters the failures and their groups. */
import type {
  FailureGroup,
  FailureKey,
  FailureRow,
  FoldStep,
  GroupDayMove,
  GroupMoves,
  GroupRunMove,
  GroupTestMove,
} from "./fold-rows.js";
import { timeOf } from "./micros.js";
import { type Clause, clause, type ListColumn, plain, text } from "./row-lists.js";

const keyColumns = <Row extends FailureKey>(): ListColumn<Row>[] => [
  plain("run_key", "bigint", (row) => row.runKey),
  plain("test_key", "bigint", (row) => row.testKey),
  text("result_id", (row) => row.resultId),
];
const IS_ROW =
  "t.project_key = $1 AND t.run_key = d.run_key AND t.test_key = d.test_key AND t.result_id = d.result_id";

const rowColumns: ListColumn<FailureRow>[] = [
  ...keyColumns<FailureRow>(),
  plain("fingerprint", "bigint", (row) => row.fingerprint),
  plain("counted_us", "bigint", (row) => row.countedUs),
  plain("status", "smallint", (row) => row.status),
  plain("attempt", "smallint", (row) => row.attempt),
  plain("contradicted", "boolean", (row) => row.contradicted),
  text("job", (row) => row.job),
  text("commit_sha", (row) => row.commitSha),
  text("tree_sha", (row) => row.treeSha),
];

const groupColumns: ListColumn<FailureGroup>[] = [
  plain("fingerprint", "bigint", (row) => row.fingerprint),
  text("kind", (row) => row.kind),
  text("type", (row) => row.type),
  text("masked_message", (row) => row.maskedMessage),
];

/** The table of a figure of groups: its key besides project and fingerprint, and when it counts, if it says so. */
interface GroupTable<Move extends { readonly fingerprint: string; readonly failures: number }> {
  readonly name: string;
  readonly movesOf: (step: FoldStep) => GroupMoves<Move>;
  readonly key: ListColumn<Move>;
  /** SQL of the key's value. */
  readonly keyValue: string;
  readonly time: ListColumn<Move> | null;
  /** Of two times, the one that stays where failures are only added. */
  readonly merged: string;
}

const groupDays: GroupTable<GroupDayMove> = {
  name: "failure_group_days",
  movesOf: (step) => step.groupDays,
  key: plain("day", "int", (row) => row.day),
  keyValue: "DATE '1970-01-01' + d.day",
  time: null,
  merged: "",
};
const groupRuns: GroupTable<GroupRunMove> = {
  name: "failure_group_runs",
  movesOf: (step) => step.groupRuns,
  key: plain("run_key", "bigint", (row) => row.runKey),
  keyValue: "d.run_key",
  time: plain("counted_at", "bigint", (row) => row.countedUs),
  merged: "EXCLUDED.counted_at",
};
const groupTests: GroupTable<GroupTestMove> = {
  name: "failure_group_tests",
  movesOf: (step) => step.groupTests,
  key: plain("test_key", "bigint", (row) => row.testKey),
  keyValue: "d.test_key",
  time: plain("last_counted_at", "bigint", (row) => row.lastCountedUs),
  merged: "GREATEST(t.last_counted_at, EXCLUDED.last_counted_at)",
};

function groupClauses<Move extends { readonly fingerprint: string; readonly failures: number }>({
  name,
  movesOf,
  key,
  keyValue,
  time,
  merged,
}: GroupTable<Move>): Clause<FoldStep>[] {
  const columns: ListColumn<Move>[] = [
    plain("fingerprint", "bigint", (row) => row.fingerprint),
    key,
    plain("failure_count", "bigint", (row) => row.failures),
    ...(time === null ? [] : [time]),
  ];
  const timeName = time === null ? "" : `, ${time.name}`;
  const timeValue = time === null ? "" : `, ${timeOf(`d.${time.name}`)}`;
  const isRow = `t.project_key = $1 AND t.fingerprint = d.fingerprint AND t.${key.name} = ${keyValue}`;
  return [
    clause(
      (step) => movesOf(step).added,
      columns,
      (rows) => `
${name}_added AS (
  INSERT INTO ${name} AS t (project_key, fingerprint, ${key.name}, failure_count${timeName})
  SELECT $1, d.fingerprint, ${keyValue}, d.failure_count${timeValue}
  FROM guard, ${rows}
  ON CONFLICT (project_key, fingerprint, ${key.name}) DO UPDATE SET
    failure_count = t.failure_count + EXCLUDED.failure_count
    ${time === null ? "" : `, ${time.name} = ${merged}`}
)`,
    ),
    clause(
      (step) => movesOf(step).changed,
      columns,
      (rows) => `
${name}_changed AS (
  UPDATE ${name} AS t
  SET failure_count = t.failure_count + d.failure_count
    ${time === null ? "" : `, ${time.name} = ${timeOf(`d.${time.name}`)}`}
  FROM guard, ${rows}
  WHERE ${isRow} AND t.failure_count + d.failure_count > 0
),
${name}_gone AS (
  DELETE FROM ${name} AS t
  USING guard, ${rows}
  WHERE ${isRow} AND t.failure_count + d.failure_count <= 0
)`,
    ),
  ];
}

export const failureClauses: readonly Clause<FoldStep>[] = [
  // An upsert finds its row by the key; an update of many may read the table through.
  clause(
    (step) => step.failures,
    rowColumns,
    (rows) => `
failures AS (
  INSERT INTO failures AS t (
    project_key, run_key, test_key, fingerprint, counted_at, status, attempt, contradicted, result_id, job,
    commit_sha, tree_sha
  )
  SELECT
    $1, d.run_key, d.test_key, d.fingerprint, ${timeOf("d.counted_us")}, d.status, d.attempt, d.contradicted,
    d.result_id, d.job, d.commit_sha, d.tree_sha
  FROM guard, ${rows}
  ON CONFLICT (project_key, run_key, test_key, result_id) DO UPDATE SET
    counted_at = EXCLUDED.counted_at, contradicted = EXCLUDED.contradicted, commit_sha = EXCLUDED.commit_sha,
    tree_sha = EXCLUDED.tree_sha
)`,
  ),
  clause(
    (step) => step.goneFailures,
    keyColumns<FailureKey>(),
    (rows) => `
gone_failures AS (
  DELETE FROM failures AS t
  USING guard, ${rows}
  WHERE ${IS_ROW}
)`,
  ),
  clause(
    (step) => step.groups,
    groupColumns,
    (rows) => `
failure_groups AS (
  INSERT INTO failure_groups (project_key, fingerprint, kind, type, masked_message)
  SELECT $1, d.fingerprint, d.kind, d.type, d.masked_message
  FROM guard, ${rows}
  ON CONFLICT DO NOTHING
)`,
  ),
  ...groupClauses(groupDays),
  ...groupClauses(groupRuns),
  ...groupClauses(groupTests),
];
