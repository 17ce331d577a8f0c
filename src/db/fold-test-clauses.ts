/** How a step of folding enters the days and the windows of tests. */
import type { FoldStep, TestDayMove, TestWindowsMove } from "./fold-rows.js";
import { added, STATUS_COLUMNS, statusColumns } from "./fold-total-clauses.js";
import { timeOf } from "./micros.js";
import { bytes, type Clause, clause, type ListColumn, plain } from "./row-lists.js";

/** As the columns' names end. */
export const WINDOWS = [1, 7, 30, 90] as const;
const WINDOW_COUNTS = ["passed", "failed", "errored", "skipped", "precluded"] as const;

const DAY_SUMS = [...STATUS_COLUMNS, "flaky_count", "duration_us"];
const dayColumns: ListColumn<TestDayMove>[] = [
  plain("test_key", "bigint", (row) => row.testKey),
  plain("day", "int", (row) => row.day),
  ...statusColumns<TestDayMove>(),
  plain("flaky_count", "int", (row) => row.flaky),
  plain("duration_us", "numeric", (row) => row.durationUs),
  bytes("durations", (row) => row.durations),
  plain("run_keys", "text", (row) => `"{${row.runKeys}}"`),
  plain("more_runs", "boolean", (row) => row.moreRuns),
];

/** What a window gains: sums of the contract's figures, in the order of the columns. */
const sumColumns = (suffix: string, w: number): ListColumn<TestWindowsMove>[] => [
  ...WINDOW_COUNTS.map((name, i) =>
    plain<TestWindowsMove>(`${name}${suffix}`, "int", ({ sums }) => sums[w]?.counts[i] ?? 0),
  ),
  plain<TestWindowsMove>(`flaky${suffix}`, "int", ({ sums }) => sums[w]?.flaky ?? 0),
  plain<TestWindowsMove>(`duration_us${suffix}`, "numeric", ({ sums }) => sums[w]?.durationUs ?? 0),
];
/** For each window, and for those that gain the same. */
const sumsOfEach = WINDOWS.flatMap((window, w) => sumColumns(`_${window}`, w));
const sumsOfAll = sumColumns("", 0);
const windowValues: ListColumn<TestWindowsMove>[] = [
  plain("last_run_key", "bigint", (row) => row.lastRunKey),
  plain("last_status", "smallint", (row) => row.lastStatus),
  ...WINDOWS.map((window, w) =>
    plain<TestWindowsMove>(`p95_us_${window}`, "bigint", (row) => row.p95Us[w] ?? 0),
  ),
  ...WINDOWS.slice(1).map((window, w) =>
    bytes<TestWindowsMove>(`durations_${window}`, (row) => row.durations[w] ?? NO_BYTES),
  ),
  bytes("recent", (row) => row.recent),
];
const NO_BYTES = new Uint8Array();

const names = (columns: readonly { readonly name: string }[]) => columns.map(({ name }) => name);
const sumNames = names(sumsOfEach);
const valueNames = names(windowValues);

/** Nearly all tests move on one day: all windows gain the same, and it is sent once. */
const gainAlike = ({ sums: [day, week, month, quarter] }: TestWindowsMove) =>
  day === week && day === month && day === quarter;

function windowsClause(
  name: string,
  isWanted: (move: TestWindowsMove) => boolean,
  sums: readonly ListColumn<TestWindowsMove>[],
  sumValues: readonly string[],
): Clause<FoldStep> {
  return clause(
    (step) => step.testWindows.filter(isWanted),
    [
      plain<TestWindowsMove>("test_key", "bigint", (row) => row.testKey),
      plain<TestWindowsMove>("last_day", "int", (row) => row.day),
      plain<TestWindowsMove>("last_counted_us", "bigint", (row) => row.lastCountedUs),
      ...sums,
      ...windowValues,
    ],
    (rows) => `
${name} AS (
  INSERT INTO test_windows AS t (
    project_key, test_key, day, last_counted_at, ${[...sumNames, ...valueNames].join(", ")}
  )
  SELECT
    $1, d.test_key, DATE '1970-01-01' + d.last_day, ${timeOf("d.last_counted_us")},
    ${[...sumValues, ...valueNames].map((column) => `d.${column}`).join(", ")}
  FROM guard, ${rows}
  ON CONFLICT (project_key, test_key) DO UPDATE SET
    day = EXCLUDED.day, last_counted_at = EXCLUDED.last_counted_at, ${added(sumNames)},
    ${valueNames.map((column) => `${column} = EXCLUDED.${column}`).join(", ")}
)`,
  );
}

export const testClauses: readonly Clause<FoldStep>[] = [
  clause(
    (step) => step.testDays,
    dayColumns,
    (rows) => `
test_days AS (
  INSERT INTO test_days AS t (
    project_key, test_key, day, ${DAY_SUMS.join(", ")}, durations, run_keys, more_runs
  )
  SELECT
    $1, d.test_key, DATE '1970-01-01' + d.day, ${DAY_SUMS.map((column) => `d.${column}`).join(", ")},
    d.durations, d.run_keys::bigint[], d.more_runs
  FROM guard, ${rows}
  ON CONFLICT (project_key, test_key, day) DO UPDATE SET
    ${added(DAY_SUMS)},
    durations = EXCLUDED.durations, run_keys = EXCLUDED.run_keys, more_runs = EXCLUDED.more_runs
)`,
  ),
  windowsClause(
    "windows_alike",
    gainAlike,
    sumsOfAll,
    WINDOWS.flatMap(() => names(sumsOfAll)),
  ),
  windowsClause("windows", (move) => !gainAlike(move), sumsOfEach, sumNames),
];
