import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, HOUR_US, refusalOf, StatsLab, usOf } from "./lab.js";

const TODAY_US = await startOfToday();
const { PASSED, FAILED, ERRORED, SKIPPED, PRECLUDED } = Status;
const MINUTE_US = 60_000_000;
/** Six hours before midnight, two days ago. */
const EVENING_US = TODAY_US - 2 * DAY_US - 6 * HOUR_US;

let lab: StatsLab;
let folding: AsyncDisposable;
beforeAll(async () => {
  lab = await StatsLab.start();
  folding = await lab.holdFolding();
  await lab.upload({
    runId: "first",
    branch: "main",
    labels: { os: "linux", node: "20" },
    startUs: EVENING_US,
    status: FAILED,
    tookUs: 2 * MINUTE_US,
    results: [
      { name: "a", us: 1_000 },
      { name: "b", us: 3_000, status: FAILED, message: "no" },
      { name: "c", us: 2_000, status: ERRORED, message: "crash" },
      { name: "d", status: SKIPPED },
      { name: "e", status: PRECLUDED },
    ],
  });
  await lab.upload({
    runId: "second",
    branch: "main",
    labels: { os: "mac" },
    startUs: EVENING_US + HOUR_US - 1,
    status: PASSED,
    tookUs: 5 * MINUTE_US,
    results: [{ name: "a", us: 4_000 }],
  });
  await lab.upload({
    runId: "third",
    branch: "dev",
    labels: { os: "linux" },
    startUs: EVENING_US + HOUR_US,
    results: [{ name: "a", us: 5_000 }, { name: "f" }],
  });
});
afterAll(() => lab[Symbol.asyncDispose]());

const stats = (request: Parameters<StatsLab["stats"]["getProjectStats"]>[0]) =>
  lab.stats.getProjectStats(request);
const window = (startUs: number, endUs: number) => ({ startTime: at(startUs), endTime: at(endUs) });
/** Results by status, runs, and runs that have finished. */
const brief = async (request: Parameters<typeof stats>[0]) => {
  const { results, runs } = await stats(request);
  return [
    results?.passedCount,
    results?.failedCount,
    results?.erroredCount,
    results?.skippedCount,
    results?.precludedCount,
    runs?.runCount,
    runs?.finishedCount,
  ].map(Number);
};

// The same before and after folding: the hook between them lets it happen.
describe.each(["before it is folded", "after"])("%s", (when) => {
  beforeAll(async () => {
    if (when !== "after") return;
    await folding[Symbol.asyncDispose]();
    await lab.settle();
  });

  it("counts runs and results of the last 30 days", async () => {
    const answer = await stats({});
    expect(answer).toMatchObject({
      runs: {
        runCount: 3n,
        runningCount: 1n,
        finishedCount: 2n,
        incompleteCount: 0n,
        abandonedCount: 0n,
        passedCount: 1n,
        failedCount: 1n,
        erroredCount: 0n,
        skippedCount: 0n,
      },
      results: {
        resultCount: 8n,
        passedCount: 4n,
        failedCount: 1n,
        erroredCount: 1n,
        skippedCount: 1n,
        precludedCount: 1n,
        duration: at(15_000),
      },
      passRate: { value: 4 / 6, numerator: 4n, denominator: 6n },
      runPassRate: { value: 1 / 2, numerator: 1n, denominator: 2n },
      runDuration: {
        count: 2n,
        p50: at(2 * MINUTE_US),
        p95: at(5 * MINUTE_US),
        p99: at(5 * MINUTE_US),
      },
    });
    // 4 of 6 by hand: (0.6667 + 0.3201 ± 0.4329) / 1.6402.
    expect(answer.passRate?.lower).toBeCloseTo(0.3, 3);
    expect(answer.passRate?.upper).toBeCloseTo(0.9032, 3);
    const [start, end, asOf] = [answer.startTime, answer.endTime, answer.asOfTime].map(usOf);
    expect(asOf).toBeLessThan(end ?? 0);
    expect((end ?? 0) - (asOf ?? 0)).toBeLessThanOrEqual(HOUR_US);
    expect((end ?? 0) - (start ?? 0)).toBeLessThanOrEqual(30 * DAY_US + HOUR_US);
    expect((end ?? 0) % HOUR_US).toBe(0);
    expect((start ?? 0) % HOUR_US).toBe(0);
  });

  it("takes the branch, the labels, or both", async () => {
    expect(await brief({ branch: "main" })).toEqual([2, 1, 1, 1, 1, 2, 2]);
    expect(await brief({ branch: "dev" })).toEqual([2, 0, 0, 0, 0, 1, 0]);
    expect(await brief({ branch: "none" })).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(await brief({ labels: { os: "linux" } })).toEqual([3, 1, 1, 1, 1, 2, 1]);
    expect(await brief({ labels: { os: "linux", node: "20" } })).toEqual([1, 1, 1, 1, 1, 1, 1]);
    expect(await brief({ labels: { os: "linux" }, branch: "dev" })).toEqual([2, 0, 0, 0, 0, 1, 0]);
    expect(await brief({ labels: { os: "%" } })).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  it("takes whole hours, at the edges of the window too", async () => {
    const first = window(EVENING_US + 1, EVENING_US + 2);
    expect(await brief(first)).toEqual([2, 1, 1, 1, 1, 2, 2]);
    expect(await stats(first)).toMatchObject(window(EVENING_US, EVENING_US + HOUR_US));
    const second = window(EVENING_US + HOUR_US, EVENING_US + 2 * HOUR_US);
    expect(await brief(second)).toEqual([2, 0, 0, 0, 0, 1, 0]);
    expect(await brief({ ...second, branch: "main" })).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(await brief({ ...first, labels: { os: "mac" } })).toEqual([1, 0, 0, 0, 0, 1, 1]);
    const days = window(EVENING_US - 30 * HOUR_US, TODAY_US + 5 * HOUR_US);
    expect(await brief(days)).toEqual([4, 1, 1, 1, 1, 3, 2]);
    expect(await brief(window(TODAY_US, TODAY_US + DAY_US))).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

it("takes the durations of results from what is folded, within 2 %", async () => {
  await lab.settle();
  for (const request of [{}, { labels: { os: "linux" } }]) {
    const { resultDuration } = await stats(request);
    // 1, 2, 3, 4 and 5 ms; with the label without 4.
    const all = Object.keys(request).length === 0;
    expect(resultDuration?.count).toBe(all ? 5n : 4n);
    const close = (us: number, to: number) => expect(Math.abs(us - to)).toBeLessThan(0.02 * to);
    close(usOf(resultDuration?.p50), all ? 3_000 : 2_000);
    close(usOf(resultDuration?.p95), 5_000);
  }
});

it("answers JSON however long the results took together", async () => {
  const { url, allToken } = lab.server;
  const us = 10 * 365 * DAY_US;
  await lab.upload({
    runId: "ages",
    branch: "ages",
    startUs: TODAY_US,
    results: Array.from({ length: 1001 }, (_, i) => ({ name: `test ${i}`, us })),
  });
  const ask = async (method: string, request: object) => {
    const response = await fetch(`${url}/tally.v1.StatsService/${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${allToken}`, "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    return response.json();
  };
  const duration = "315576000000s";
  expect(await ask("GetProjectStats", { branch: "ages" })).toMatchObject({
    results: { resultCount: "1001", duration },
  });
  expect(await ask("GetRun", { runId: "ages" })).toMatchObject({
    run: { totals: { resultCount: "1001", duration } },
  });
});

it("answers zeros of an empty window", async () => {
  const answer = await stats(window(0, DAY_US));
  expect(answer).toMatchObject({
    runs: { runCount: 0n },
    results: { resultCount: 0n, duration: at(0) },
    passRate: { value: 0, lower: 0, upper: 1 },
    runDuration: { count: 0n },
    resultDuration: { count: 0n },
  });
  expect(answer.runDuration?.p50).toBeUndefined();
  expect(usOf(answer.asOfTime)).toBeGreaterThan(TODAY_US);
});

it("looks at 100,000 runs for labels, and at no more", async () => {
  await lab.db.run(`
    INSERT INTO runs (project_key, run_id, run_day, open_key, started_at, start_given, labels)
    SELECT
      project_key, 'many ' || i, '2001-01-01', i, timestamptz '2001-01-01 00:00Z' + i * interval '1 second', true,
      CASE WHEN i % 50000 = 0 THEN '{"rare":"yes"}'::jsonb ELSE '{}' END
    FROM projects, generate_series(0, 100000) AS i`);
  const startUs = Date.parse("2001-01-01T00:00:00Z") * 1000;
  const labels = { rare: "yes" };
  const all = window(startUs, startUs + 2 * DAY_US);
  expect(await refusalOf(stats({ ...all, labels }))).toEqual(["FAILED_PRECONDITION", []]);
  const less = window(startUs + HOUR_US, startUs + 2 * DAY_US);
  expect((await stats({ ...less, labels })).runs?.runCount).toBe(2n);
  expect((await stats(all)).runs?.runCount).toBe(100_001n);
});

describe("refuses", () => {
  const dayUs = 20_000 * DAY_US;
  it.each<[string, Parameters<typeof stats>[0]]>([
    ["start_time", window(dayUs, dayUs)],
    ["start_time", window(dayUs + 1, dayUs)],
    ["start_time", { startTime: at(TODAY_US + 10 * DAY_US) }],
    ["start_time", { startTime: at(TODAY_US - 3_653 * DAY_US) }],
    ["start_time", window(dayUs - 1_100 * DAY_US - 1, dayUs)],
    ["start_time", { startTime: { seconds: -1n } }],
    ["end_time", { endTime: { seconds: 7_258_118_400n } }],
    ["branch", { branch: "b".repeat(1025) }],
    ["branch", { branch: "a\0b" }],
    ["labels", { labels: Object.fromEntries([...Array(11).keys()].map((i) => [`k${i}`, ""])) }],
    ['labels[""]', { labels: { "": "x" } }],
  ])("a bad %s", async (field, request) => {
    expect(await refusalOf(stats(request))).toEqual(["INVALID_ARGUMENT", [field]]);
  });

  it("nothing at its bounds", async () => {
    await stats(window(dayUs - 1_100 * DAY_US, dayUs));
    await stats({ labels: Object.fromEntries([...Array(10).keys()].map((i) => [`k${i}`, ""])) });
  });
});
