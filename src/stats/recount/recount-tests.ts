/** Recounts the days, windows and runs of tests, and what of their failures is contradicted. */
import { countedResults, expiredRuns } from "../../db/recount.js";
import {
  type StoredDay,
  type StoredFailure,
  type StoredWindows,
  storedDays,
  storedFailures,
  storedWindows,
} from "../../db/recount-tests.js";
import type { Snapshot } from "../../db/snapshot.js";
import { decodeRecentRuns } from "../recent-runs.js";
import { dayOf, dayText, WINDOW_DAYS, windowStart } from "../windows.js";
import type { Comparison } from "./differences.js";
import { accumulate, compareNumbers, sideBySide } from "./streams.js";
import { emptyTally, histogramText, sumsText } from "./tally.js";
import {
  addResult,
  createTestRecount,
  factsOf,
  isContradicted,
  newestRuns,
  recentRuns,
  recentText,
  type TestRecount,
  windowTexts,
} from "./test-recount.js";

/** What retention took, and so cannot be recounted. */
interface Untold {
  readonly runs: ReadonlySet<string>;
  readonly days: ReadonlySet<number>;
}

/** All that a test has, from four streams in the order of tests. */
interface TestRows {
  readonly testKey: string;
  readonly recount: TestRecount;
  failures: StoredFailure[];
  days: StoredDay[];
  windows: StoredWindows | undefined;
}

/** Worst status first: errored, failed, passed, skipped, precluded. */
const SEVERITY = [3, 2, 1, 4, 5];
const RUNS_PER_DAY = 64;
const RECENT_RUNS = 10;
const FAILED = 2;

/** Test by test. Lists of runs are compared where nothing of the test waits to be folded or to be taken away. */
export async function recountTests(
  snapshot: Snapshot,
  projectKey: string,
  comparison: Comparison,
): Promise<void> {
  const untold = await readUntold(snapshot, projectKey);
  for await (const rows of testRows(snapshot, projectKey)) {
    compareFailures(rows, untold, comparison);
    compareDays(rows, untold, comparison);
    compareWindows(rows, untold, comparison);
  }
}

async function readUntold(snapshot: Snapshot, projectKey: string): Promise<Untold> {
  const runs = new Set<string>();
  const days = new Set<number>();
  for await (const { run_key, counted_us } of expiredRuns(snapshot, projectKey)) {
    runs.add(run_key);
    days.add(dayOf(Number(counted_us)));
  }
  return { runs, days };
}

async function* testRows(snapshot: Snapshot, projectKey: string): AsyncGenerator<TestRows> {
  const none = (testKey: string): TestRows => ({
    testKey,
    recount: createTestRecount(testKey),
    failures: [],
    days: [],
    windows: undefined,
  });
  const recounts = accumulate(
    countedResults(snapshot, projectKey, "c.test_key"),
    (row) => row.test_key,
    (row) => none(row.test_key),
    ({ recount }, row) => addResult(recount, row),
  );
  const failures = accumulate(
    storedFailures(snapshot, projectKey),
    (row) => row.test_key,
    (row) => none(row.test_key),
    (rows, row) => rows.failures.push(row),
  );
  const days = accumulate(
    storedDays(snapshot, projectKey),
    (row) => row.test_key,
    (row) => none(row.test_key),
    (rows, row) => rows.days.push(row),
  );
  const windows = accumulate(
    storedWindows(snapshot, projectKey),
    (row) => row.test_key,
    (row) => none(row.test_key),
    (rows, row) => {
      rows.windows = row;
    },
  );
  yield* together(together(recounts, failures), together(days, windows));
}

async function* together(
  left: AsyncGenerator<TestRows>,
  right: AsyncGenerator<TestRows>,
): AsyncGenerator<TestRows> {
  const both = sideBySide(left, right, (a, b) => compareNumbers(a.testKey, b.testKey));
  for await (const { left: a, right: b } of both) {
    if (a === undefined || b === undefined) {
      const alone = a ?? b;
      if (alone !== undefined) yield alone;
      continue;
    }
    yield {
      testKey: a.testKey,
      recount: a.recount,
      failures: a.failures.length > 0 ? a.failures : b.failures,
      days: a.days.length > 0 ? a.days : b.days,
      windows: a.windows ?? b.windows,
    };
  }
}

function compareFailures(rows: TestRows, untold: Untold, comparison: Comparison): void {
  const { recount, testKey } = rows;
  for (const failure of rows.failures) {
    const key = `run ${failure.run_key} test ${testKey} ${failure.result_id}`;
    if (failure.contradicted) {
      const day = dayOf(Number(failure.counted_us));
      recount.flaky.set(day, (recount.flaky.get(day) ?? 0) + 1);
    }
    if (failure.leaves || failure.moves || untold.runs.has(failure.run_key)) continue;
    const isCoded = failure.status === FAILED && !failure.dirty;
    const code = isCoded ? [failure.run_commit_sha, failure.run_tree_sha] : ["", ""];
    comparison.compare(
      "failures: code",
      key,
      JSON.stringify([failure.commit_sha, failure.tree_sha]),
      JSON.stringify(code),
    );
    const facts = factsOf(
      { ...failure, commit_sha: failure.run_commit_sha, tree_sha: failure.run_tree_sha },
      failure.job,
      failure.status,
    );
    const contradicted = failure.status === FAILED ? isContradicted(recount, facts) : false;
    // A pass may have been taken by retention.
    const isKnown = contradicted !== null && !(contradicted === false && untold.runs.size > 0);
    if (isKnown) {
      comparison.compare(
        "failures.contradicted",
        key,
        String(failure.contradicted),
        String(contradicted),
      );
    }
  }
}

function compareDays(rows: TestRows, untold: Untold, comparison: Comparison): void {
  const { recount, testKey } = rows;
  const stored = new Map(rows.days.map((day) => [day.day, day]));
  for (const day of new Set([...stored.keys(), ...recount.days.keys(), ...recount.flaky.keys()])) {
    if (untold.days.has(day)) continue;
    const key = `test ${testKey} day ${dayText(day)}`;
    const row = stored.get(day);
    const tally = recount.days.get(day) ?? emptyTally();
    const flaky = recount.flaky.get(day) ?? 0;
    comparison.compare(
      "test_days: sums",
      key,
      row?.sums ?? sumsText(emptyTally()),
      sumsText(tally),
    );
    comparison.compare("test_days.flaky_count", key, String(row?.flaky_count ?? 0), String(flaky));
    comparison.compare(
      "test_days.durations",
      key,
      row?.histogram ?? "",
      histogramText(tally.histogram),
    );
    if (!recount.isMoving && row !== undefined) compareRuns(recount, row, key, comparison);
  }
}

/** A list that may not be whole names the newest runs. */
function compareRuns(
  recount: TestRecount,
  { day, run_keys, more_runs }: StoredDay,
  key: string,
  comparison: Comparison,
): void {
  const named = run_keys === "{}" ? [] : run_keys.slice(1, -1).split(",");
  const all = newestRuns(recount, ({ countedUs }) => dayOf(countedUs) === day);
  const expected = more_runs ? all.slice(0, named.length) : all;
  comparison.compare(
    "test_days.run_keys",
    key,
    named.join(" "),
    expected.map(({ runKey }) => runKey).join(" "),
  );
  comparison.compare(
    "test_days.run_keys: length",
    key,
    String(named.length <= RUNS_PER_DAY),
    "true",
  );
}

function compareWindows(rows: TestRows, untold: Untold, comparison: Comparison): void {
  const { recount, testKey, windows } = rows;
  const key = `test ${testKey}`;
  if (windows === undefined) {
    const counts = [...recount.days.values()].some(({ counts }) => counts.some((n) => n > 0));
    comparison.compare("test_windows", key, "no row", counts ? "a row" : "no row");
    return;
  }
  const texts = windowTexts(recount, windows.day);
  const histograms = [undefined, windows.histogram_7, windows.histogram_30, windows.histogram_90];
  WINDOW_DAYS.forEach((window, w) => {
    const first = windowStart(windows.day, window);
    if ([...untold.days].some((day) => day >= first && day <= windows.day)) return;
    const text = texts[w];
    if (text === undefined) return;
    comparison.compare(
      `test_windows: sums_${window}`,
      key,
      String(windows[`sums_${window}`]),
      text.sums,
    );
    comparison.compare(
      `test_windows.p95_us_${window}`,
      key,
      String(windows[`p95_us_${window}`]),
      text.p95,
    );
    const histogram = histograms[w];
    if (histogram !== undefined) {
      comparison.compare(`test_windows.durations_${window}`, key, histogram, text.histogram);
    }
  });
  if (!recount.isMoving) compareHistory(recount, windows, untold, key, comparison);
}

function compareHistory(
  recount: TestRecount,
  windows: StoredWindows,
  untold: Untold,
  key: string,
  comparison: Comparison,
): void {
  const stored = decodeRecentRuns(windows.recent);
  // Of a run that has expired some results may be left.
  const isTold = ({ runKey }: { readonly runKey: string }) => !untold.runs.has(runKey);
  const known = stored.filter(isTold);
  const expected = recentRuns(recount, isTold);
  // Runs that retention took are no longer found where others have left.
  const isWhole = known.length === stored.length || stored.length < RECENT_RUNS;
  comparison.compare(
    "test_windows.recent",
    key,
    recentText(known),
    recentText(isWhole ? expected : expected.slice(0, known.length)),
  );
  const [newest] = newestRuns(recount, () => true);
  if (newest === undefined || untold.runs.has(windows.last_run_key)) return;
  const worst = SEVERITY.find((status) => newest.statuses.has(status)) ?? 0;
  comparison.compare(
    "test_windows: last run",
    key,
    `${windows.last_run_key} ${windows.last_counted_us} ${windows.last_status}`,
    `${newest.runKey} ${newest.countedUs} ${worst}`,
  );
}
