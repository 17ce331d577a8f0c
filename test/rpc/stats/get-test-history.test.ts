import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { Verdict } from "../../../gen/tally/v1/stats_pb.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, refusalOf, StatsLab, usOf } from "./lab.js";

const TODAY_US = await startOfToday();
const { FAILED, ERRORED, SKIPPED } = Status;
const daysAgo = (days: number) => TODAY_US - days * DAY_US;

let lab: StatsLab;
let testId: string;
let oldId: string;
beforeAll(async () => {
  lab = await StatsLab.start();
  await lab.upload({
    runId: "old",
    startUs: daysAgo(200),
    results: [{ name: "t" }, { name: "o" }],
  });
  await lab.upload({
    runId: "flaky",
    branch: "main",
    commitSha: "abc",
    job: "linux",
    startUs: daysAgo(10),
    results: [
      { name: "t", id: "1", status: FAILED, message: "no", us: 1_000 },
      { name: "t", id: "2", attempt: 2, us: 3_000 },
    ],
  });
  await lab.upload({
    runId: "newest",
    startUs: daysAgo(2),
    results: [
      { name: "t", id: "a", status: ERRORED, message: "crash" },
      { name: "t", id: "b", status: SKIPPED },
      { name: "t", id: "c", us: 100 },
    ],
  });
  await lab.settle();
  const { tests } = await lab.stats.listTests({});
  testId = tests.find(({ test }) => test?.name === "t")?.testId ?? "";
  const [old] = await lab.db.query<{ id: string }>(
    "SELECT encode(test_id, 'hex') AS id FROM tests WHERE name = 'o'",
  );
  oldId = old?.id ?? "";
});
afterAll(() => lab[Symbol.asyncDispose]());

type Request = Parameters<StatsLab["stats"]["getTestHistory"]>[0];
const read = (request: Request = {}) => lab.stats.getTestHistory({ testId, ...request });

describe("the history of a test", () => {
  it("has its figures, its days and its evidence", async () => {
    const { test, days, flaky } = await read();
    expect(test).toMatchObject({
      testId,
      test: { name: "t" },
      figures: {
        results: { resultCount: 5n, passedCount: 2n, failedCount: 1n, duration: at(4_100) },
        flakeRate: { numerator: 1n, denominator: 3n },
        duration: { count: 3n },
      },
      verdict: Verdict.FLAKY,
      lastRunId: "newest",
      lastSeenTime: at(daysAgo(2)),
      lastStatus: ERRORED,
    });
    expect(days).toMatchObject([
      {
        day: at(daysAgo(10)),
        results: { resultCount: 2n, passedCount: 1n, failedCount: 1n, duration: at(4_000) },
        flakyCount: 1n,
        duration: { count: 2n },
      },
      {
        day: at(daysAgo(2)),
        results: { resultCount: 3n, passedCount: 1n, erroredCount: 1n, skippedCount: 1n },
        flakyCount: 0n,
        duration: { count: 1n },
      },
    ]);
    expect(Math.abs(usOf(days[0]?.duration?.p99) - 3_000)).toBeLessThan(60);
    expect(flaky).toMatchObject({
      test: { testId },
      decisiveSinceCount: 1n,
      evidence: [{ failed: { runId: "flaky", resultId: "1" }, passed: { resultId: "2" } }],
    });
  });

  it("has its results whatever the window, newest run first", async () => {
    for (const windowDays of [1, 90]) {
      const { results } = await read({ windowDays });
      expect(results.map(({ runId, result }) => [runId, result?.resultId])).toEqual([
        ["newest", "a"],
        ["newest", "b"],
        ["newest", "c"],
        ["flaky", "1"],
        ["flaky", "2"],
        ["old", expect.any(String)],
      ]);
      expect(results[3]).toMatchObject({
        testId,
        result: { status: FAILED, failure: { message: "no" } },
        part: { job: "linux" },
        flaky: true,
        branch: "main",
        commitSha: "abc",
        runStartTime: at(daysAgo(10)),
      });
      expect(results[3]?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    }
  });

  it("has days and evidence on the first page alone", async () => {
    const seen: (string | undefined)[] = [];
    let pageToken = "";
    let pages = 0;
    do {
      const page = await read({ pageSize: 2, pageToken });
      expect([page.days.length, page.flaky !== undefined]).toEqual(
        pages === 0 ? [2, true] : [0, false],
      );
      seen.push(...page.results.map(({ result }) => result?.resultId));
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== "");
    expect(seen.slice(0, 5)).toEqual(["a", "b", "c", "1", "2"]);
    expect(seen).toHaveLength(6);
  });

  it("is zeros where the window has nothing", async () => {
    const windows: Request[] = [{ windowDays: 1 }, { testId: oldId }];
    for (const request of windows) {
      const { test, days, flaky } = await read(request);
      expect(test).toMatchObject({
        figures: {
          results: { resultCount: 0n },
          failureRate: { value: 0, lower: 0, upper: 1 },
          duration: { count: 0n },
        },
        verdict: Verdict.UNKNOWN,
      });
      expect([days, flaky]).toEqual([[], undefined]);
    }
    expect((await read({ testId: oldId })).results).toHaveLength(1);
  });
});

describe("refuses", () => {
  it.each<[string, Request]>([
    ["test_id", { testId: "" }],
    ["test_id", { testId: "abc" }],
    ["test_id", { testId: "g".repeat(32) }],
    ["window_days", { windowDays: 5 }],
    ["page_size", { pageSize: -1 }],
    ["page_token", { pageToken: "forged" }],
  ])("a bad %s", async (field, request) => {
    expect(await refusalOf(read(request))).toEqual(["INVALID_ARGUMENT", [field]]);
  });

  it("a test that is not there, and the page of another test", async () => {
    expect(await refusalOf(read({ testId: "0".repeat(32) }))).toEqual(["NOT_FOUND", []]);
    const { nextPageToken: pageToken } = await read({ pageSize: 1 });
    const refused = await refusalOf(read({ testId: oldId, pageToken }));
    expect(refused).toEqual(["INVALID_ARGUMENT", ["page_token"]]);
  });
});
