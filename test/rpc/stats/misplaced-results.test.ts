import { afterAll, beforeAll, expect, it } from "vitest";
import { createEnglishDatabase } from "../../support/database.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, HOUR_US, StatsLab } from "./lab.js";

const TODAY_US = await startOfToday();
const START_US = TODAY_US - DAY_US + 10 * HOUR_US;

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** How many results a branch has in the hour of the start, and all branches. */
const counts = async (branch: string, { stats } = lab) => {
  const window = { startTime: at(START_US), endTime: at(START_US + HOUR_US) };
  const ofBranch = await stats.getProjectStats({ ...window, branch });
  const all = await stats.getProjectStats(window);
  return [ofBranch, all].map(({ results }) => Number(results?.passedCount));
};
const names = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ name: `test ${from + i}`, us: 1_000 }));

it("counts results by the branch that their run got after they were folded", async () => {
  const run = { runId: "late branch", startUs: START_US };
  await lab.upload({ ...run, results: names(0, 4) });
  await lab.settle();
  await using _ = await lab.holdFolding();
  await lab.upload({ ...run, branch: "main", results: names(4, 6) });
  expect(await counts("main")).toEqual([6, 6]);
});

it("counts them while the fold has moved some of them", async () => {
  await lab.settle();
  const before = await counts("half");
  const run = { runId: "half moved", startUs: START_US };
  await lab.upload({ ...run, results: names(0, 4) });
  await lab.settle();
  await using _ = await lab.holdFolding();
  await lab.upload({ ...run, branch: "half", results: names(4, 5) });
  await leaveMoved(lab, run.runId, 2);
  expect(await counts("half")).toEqual([5, (before[1] ?? 0) + 5]);
});

it("tells those that the fold has moved by the order in which the database has them", async () => {
  await using database = await createEnglishDatabase();
  await using english = await StatsLab.start(database.url);
  const run = { runId: "half moved", startUs: START_US };
  const result = (id: string) => ({ name: "test", us: 1_000, id });
  await english.upload({ ...run, results: ["a", "B", "c"].map(result) });
  await english.settle();
  await using _ = await english.holdFolding();
  await english.upload({ ...run, branch: "half", results: [result("D")] });
  await leaveMoved(english, run.runId, 1);
  expect(await counts("half", english)).toEqual([4, 4]);
});

/** Leaves a run as a fold does that has moved some of its results to the branch "half", and was then killed. */
async function leaveMoved({ db }: StatsLab, runId: string, count: number): Promise<void> {
  await db.run(`
    UPDATE folded_runs AS f
    SET next_counted_at = f.counted_at, next_branch = 'half', moved_test_key = m.test_key,
      moved_result_id = m.result_id
    FROM (
      SELECT run_key, test_key, result_id
      FROM results JOIN runs USING (project_key, run_key)
      WHERE run_id = '${runId}' ORDER BY test_key, result_id OFFSET ${count - 1} LIMIT 1
    ) AS m
    WHERE f.run_key = m.run_key`);
  await db.run(`
    INSERT INTO project_periods (
      project_key, unit, all_branches, branch, start_at, passed_count, failed_count, errored_count,
      skipped_count, precluded_count, duration_us, durations
    )
    SELECT project_key, unit, false, 'half', start_at, ${count}, 0, 0, 0, 0, ${count} * 1000, durations
    FROM project_periods WHERE branch = '' AND NOT all_branches;
    UPDATE project_periods
    SET passed_count = passed_count - ${count}, duration_us = duration_us - ${count} * 1000
    WHERE branch = '' AND NOT all_branches`);
  await db.run("DELETE FROM fold_queue WHERE weight = 0");
}
