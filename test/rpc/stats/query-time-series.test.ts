import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { SeriesMetric, TimeUnit } from "../../../gen/tally/v1/stats_service_pb.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, HOUR_US, refusalOf, StatsLab, usOf } from "./lab.js";

const TODAY_US = await startOfToday();
const { PASSED, FAILED } = Status;
const MINUTE_US = 60_000_000;
/** A Monday in the past. */
const MONDAY_US = Date.parse("2025-09-01T00:00:00Z") * 1000;
/** Ten days of it; on the ninth something went wrong. */
const DAYS = 10;
const BAD_DAY = 8;

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
  for (let day = 0; day < DAYS; day++) {
    const isBad = day === BAD_DAY;
    await lab.upload({
      runId: `day ${day}`,
      branch: "main",
      startUs: MONDAY_US + day * DAY_US + 10 * HOUR_US,
      status: isBad ? FAILED : PASSED,
      tookUs: (isBad ? 50 : 5) * MINUTE_US + day * 1_000_000,
      results: Array.from({ length: isBad ? 40 : 10 }, (_, i) => ({
        name: `test ${i}`,
        us: isBad ? 900_000 : 10_000 + 1_000 * i,
        status: isBad && i < 30 ? FAILED : PASSED,
      })),
    });
  }
  await lab.upload({
    runId: "of another branch",
    branch: "dev",
    startUs: MONDAY_US + 11 * HOUR_US,
    results: [{ name: "test 1" }],
  });
  // Now, whose hour and day are whole ones nevertheless.
  await lab.upload({ runId: "now", branch: "now", startUs: TODAY_US, results: [{ name: "x" }] });
  await lab.settle();
});
afterAll(() => lab[Symbol.asyncDispose]());

const series = (request: Parameters<StatsLab["stats"]["queryTimeSeries"]>[0]) =>
  lab.stats.queryTimeSeries(request);
const window = (startUs: number, endUs: number) => ({ startTime: at(startUs), endTime: at(endUs) });
const TEN_DAYS = window(MONDAY_US, MONDAY_US + DAYS * DAY_US);
/** When each point starts, and how many runs and results it has. */
const brief = async (request: Parameters<typeof series>[0]) =>
  (await series(request)).points.map(({ startTime, runs, results }) => [
    new Date(usOf(startTime) / 1000).toISOString().slice(0, 13),
    Number(runs?.runCount),
    Number(results?.resultCount),
  ]);

describe("a series", () => {
  it("has a point for every day, without a gap", async () => {
    expect(await brief(window(MONDAY_US - DAY_US, MONDAY_US + 2 * DAY_US + 1))).toEqual([
      ["2025-08-31T00", 0, 0],
      ["2025-09-01T00", 2, 11],
      ["2025-09-02T00", 1, 10],
      ["2025-09-03T00", 1, 10],
    ]);
    const empty = (await series(window(MONDAY_US - DAY_US, MONDAY_US))).points[0];
    expect(empty).toMatchObject({
      passRate: { value: 0, lower: 0, upper: 1 },
      runDuration: { count: 0n },
      resultDuration: { count: 0n },
      anomalies: [],
    });
  });

  it("has a point for every hour, and for every week from its Monday", async () => {
    const from = MONDAY_US + 9 * HOUR_US;
    const hours = { ...window(from, from + 3 * HOUR_US), unit: TimeUnit.HOUR };
    expect(await brief(hours)).toEqual([
      ["2025-09-01T09", 0, 0],
      ["2025-09-01T10", 1, 10],
      ["2025-09-01T11", 1, 1],
    ]);
    const weeks = { ...window(MONDAY_US - 1, MONDAY_US + 8 * DAY_US), unit: TimeUnit.WEEK };
    expect(await brief(weeks)).toEqual([
      ["2025-08-25T00", 0, 0],
      ["2025-09-01T00", 8, 71],
      ["2025-09-08T00", 3, 60],
    ]);
  });

  it("is of one branch, if one is named", async () => {
    const first = window(MONDAY_US, MONDAY_US + DAY_US);
    expect(await brief({ ...first, branch: "dev" })).toEqual([["2025-09-01T00", 1, 1]]);
    expect(await brief({ ...first, branch: "main" })).toEqual([["2025-09-01T00", 1, 10]]);
    expect(await brief({ ...first, branch: "m" })).toEqual([["2025-09-01T00", 0, 0]]);
  });

  it("has durations and rates of each point", async () => {
    const { points } = await series({ ...TEN_DAYS, branch: "main" });
    const [first] = points;
    expect(first).toMatchObject({
      passRate: { value: 1, numerator: 10n, denominator: 10n },
      runDuration: { count: 1n, p50: at(5 * MINUTE_US), p99: at(5 * MINUTE_US) },
      resultDuration: { count: 10n },
      runs: { runCount: 1n, finishedCount: 1n, passedCount: 1n },
      results: { duration: at(145_000) },
    });
    // 10 to 19 ms: the fifth and the tenth of ten.
    const close = (us: number, to: number) => expect(Math.abs(us - to)).toBeLessThan(0.02 * to);
    close(usOf(first?.resultDuration?.p50), 14_000);
    close(usOf(first?.resultDuration?.p95), 19_000);
    expect(points[BAD_DAY]).toMatchObject({ passRate: { value: 0.25 }, runs: { failedCount: 1n } });
  });

  it("adds up the durations of a week's days", async () => {
    const unit = TimeUnit.WEEK;
    const week = window(MONDAY_US, MONDAY_US + 7 * DAY_US);
    const [point] = (await series({ ...week, unit, branch: "main" })).points;
    expect(point?.resultDuration?.count).toBe(70n);
    // Of seven runs, from 5:00 to 5:06, the fourth.
    expect(point?.runDuration).toMatchObject({ count: 7n, p50: at(5 * MINUTE_US + 3_000_000) });
  });

  it("marks what stands out, among points that have runs, if they are enough", async () => {
    const { points, anomalyVersion } = await series({ ...TEN_DAYS, branch: "main" });
    expect(anomalyVersion).toBe(1);
    const marked = points.map(({ anomalies }) => anomalies);
    expect(marked[BAD_DAY]).toEqual([
      SeriesMetric.PASS_RATE,
      SeriesMetric.RESULT_COUNT,
      SeriesMetric.RESULT_DURATION_P95,
      SeriesMetric.RUN_DURATION_P50,
    ]);
    expect(marked.toSpliced(BAD_DAY, 1).flat()).toEqual([]);
    const fewer = window(MONDAY_US + 2 * DAY_US, MONDAY_US + DAYS * DAY_US - 3 * DAY_US);
    const short = await series({ ...fewer, branch: "main" });
    expect(short.points.flatMap(({ anomalies }) => anomalies)).toEqual([]);
    const wider = window(MONDAY_US - 100 * DAY_US, MONDAY_US + 100 * DAY_US);
    const { points: more } = await series({ ...wider, branch: "main" });
    expect(more.filter(({ anomalies }) => anomalies.length > 0)).toHaveLength(1);
  });

  it("ends with the present hour, day or week by default", async () => {
    const last = async (unit: TimeUnit) => (await series({ unit, branch: "now" })).points;
    const days = await last(TimeUnit.UNSPECIFIED);
    expect(days).toHaveLength(31);
    expect(days.at(-1)).toMatchObject({ startTime: at(TODAY_US), results: { resultCount: 1n } });
    expect(await last(TimeUnit.HOUR)).toHaveLength(25);
    expect([5, 6]).toContain((await last(TimeUnit.WEEK)).length);
  });
});

describe("refuses", () => {
  const ofDays = (days: number, unit = TimeUnit.DAY) => ({
    ...window(MONDAY_US - days * DAY_US, MONDAY_US),
    unit,
  });
  it.each<[string, Parameters<typeof series>[0]]>([
    ["start_time", ofDays(0)],
    ["start_time", ofDays(-1)],
    ["start_time", ofDays(367)],
    ["start_time", ofDays(3_653)],
    ["start_time", ofDays(32, TimeUnit.HOUR)],
    ["start_time", ofDays(1_101, TimeUnit.WEEK)],
    ["unit", { unit: 9 as TimeUnit }],
    ["branch", { branch: "a\0b" }],
  ])("a bad %s", async (field, request) => {
    expect(await refusalOf(series(request))).toEqual(["INVALID_ARGUMENT", [field]]);
  });

  it("nothing at its bounds", async () => {
    expect((await series(ofDays(366))).points).toHaveLength(366);
    expect((await series(ofDays(31, TimeUnit.HOUR))).points).toHaveLength(744);
    const weeks = (await series(ofDays(1_100, TimeUnit.WEEK))).points;
    expect(weeks).toHaveLength(158);
  });
});
