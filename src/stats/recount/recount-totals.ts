/** Recounts the totals of parts, and of hours and days of the project. */

import { type CountedResult, countedResults, expiredRuns } from "../../db/recount.js";
import {
  ledgerFigures,
  type StoredTotals,
  storedParts,
  storedPeriods,
} from "../../db/recount-totals.js";
import type { Snapshot } from "../../db/snapshot.js";
import type { Comparison } from "./differences.js";
import { accumulate, compareNumbers, sideBySide } from "./streams.js";
import { addTally, addToTally, emptyTally, histogramText, sumsText, type Tally } from "./tally.js";

const NOTHING = { sums: sumsText(emptyTally()), histogram: "" };

/** Of parts: sums of the folded ledger, and of the results that it stands for. */
export async function recountParts(
  snapshot: Snapshot,
  projectKey: string,
  comparison: Comparison,
): Promise<void> {
  for await (const { key, stored, recounted } of ledgerFigures(snapshot, projectKey)) {
    comparison.compare("part_totals: ledger", key, stored, recounted);
  }
  const expired = await expiredKeys(snapshot, projectKey);
  const results = countedResults(snapshot, projectKey, "c.run_key, c.part_id");
  const counted = accumulate(
    folded(results, ({ leaves, part_id }) => !leaves && part_id !== null),
    ({ run_key, part_id }) => `${run_key} ${part_id}`,
    ({ run_key, part_id }) => ({ run_key, part_id: part_id ?? "", tally: emptyTally() }),
    ({ tally }, row) => addToTally(tally, row),
  );
  const both = sideBySide(
    counted,
    storedParts(snapshot, projectKey),
    (a, b) =>
      compareNumbers(a.run_key, b.run_key) ||
      Buffer.compare(Buffer.from(a.part_id), Buffer.from(b.part_id)),
  );
  for await (const { left, right } of both) {
    const run = left?.run_key ?? right?.run_key ?? "";
    if (expired.has(run) || right?.deleted) continue;
    const key = `run ${run} part ${left?.part_id ?? right?.part_id}`;
    compareTotals(comparison, "part_totals", key, right, left?.tally);
  }
}

const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;

/** An hour (unit 1) or a day (unit 2) of a branch, or of all. */
interface Period {
  readonly branch: string;
  readonly unit: number;
  readonly startUs: number;
}

/** Of hours and days, of each branch and of all. */
export async function recountPeriods(
  snapshot: Snapshot,
  projectKey: string,
  comparison: Comparison,
): Promise<void> {
  const untold = new Set<string>();
  for await (const { counted_us } of expiredRuns(snapshot, projectKey)) {
    untold.add(`1 ${startOf(Number(counted_us), HOUR_US)}`);
    untold.add(`2 ${startOf(Number(counted_us), DAY_US)}`);
  }
  for (const allBranches of [true, false]) {
    const order = `${allBranches ? "" : 's.branch COLLATE "C", '}s.counted_at`;
    const results = folded(countedResults(snapshot, projectKey, order), () => true);
    const stored = storedPeriods(snapshot, projectKey, allBranches);
    const both = sideBySide(countedPeriods(results, allBranches), stored, (a, b) =>
      comparePeriods(a, { ...b, startUs: Number(b.start_us) }),
    );
    for await (const { left, right } of both) {
      const unit = left?.unit ?? right?.unit;
      const startUs = left?.startUs ?? Number(right?.start_us);
      if (untold.has(`${unit} ${startUs}`)) continue;
      const of = allBranches ? "all branches" : `branch ${left?.branch ?? right?.branch}`;
      const key = `${unit === 1 ? "hour" : "day"} ${new Date(startUs / 1000).toISOString()} ${of}`;
      compareTotals(comparison, "project_periods", key, right, left?.tally);
    }
  }
}

/** The hours of a day, and then the day, of results in the order of branch and time. */
async function* countedPeriods(
  results: AsyncIterable<CountedResult>,
  allBranches: boolean,
): AsyncGenerator<Period & { readonly tally: Tally }> {
  const branchOf = ({ branch }: CountedResult) => (allBranches ? "" : (branch ?? ""));
  const hourOf = ({ counted_us }: CountedResult) => startOf(Number(counted_us), HOUR_US);
  const hours = accumulate(
    results,
    (row) => `${hourOf(row)} ${branchOf(row)}`,
    (row) => ({ branch: branchOf(row), unit: 1, startUs: hourOf(row), tally: emptyTally() }),
    ({ tally }, row) => addToTally(tally, row),
  );
  let day: (Period & { readonly tally: Tally }) | undefined;
  for await (const hour of hours) {
    const startUs = startOf(hour.startUs, DAY_US);
    if (day === undefined || day.branch !== hour.branch || day.startUs !== startUs) {
      if (day !== undefined) yield day;
      day = { branch: hour.branch, unit: 2, startUs, tally: emptyTally() };
    }
    addTally(day.tally, hour.tally);
    yield hour;
  }
  if (day !== undefined) yield day;
}

function comparePeriods(a: Period, b: Period): number {
  return (
    Buffer.compare(Buffer.from(a.branch), Buffer.from(b.branch)) ||
    startOf(a.startUs, DAY_US) - startOf(b.startUs, DAY_US) ||
    a.unit - b.unit ||
    a.startUs - b.startUs
  );
}

function startOf(us: number, lengthUs: number): number {
  return Math.floor(us / lengthUs) * lengthUs;
}

function compareTotals(
  comparison: Comparison,
  table: string,
  key: string,
  stored: StoredTotals = NOTHING,
  tally: Tally = emptyTally(),
): void {
  comparison.compare(`${table}: sums`, key, stored.sums, sumsText(tally));
  comparison.compare(`${table}.durations`, key, stored.histogram, histogramText(tally.histogram));
}

/** Results that figures have. */
async function* folded(
  rows: AsyncIterable<CountedResult>,
  isWanted: (row: CountedResult) => boolean,
): AsyncGenerator<CountedResult> {
  for await (const row of rows) if (!row.waits && isWanted(row)) yield row;
}

async function expiredKeys(snapshot: Snapshot, projectKey: string): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { run_key } of expiredRuns(snapshot, projectKey)) keys.add(run_key);
  return keys;
}
