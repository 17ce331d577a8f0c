import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { Verdict } from "../../../gen/tally/v1/stats_pb.js";
import { TestSort } from "../../../gen/tally/v1/stats_service_pb.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, HOUR_US, type ResultInput, refusalOf, StatsLab, usOf } from "./lab.js";

const TODAY_US = await startOfToday();
const { PASSED, FAILED, ERRORED, SKIPPED } = Status;
const times = (count: number, result: ResultInput) =>
  Array.from({ length: count }, (_, i) => ({ ...result, id: `${i}` }));

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
  // 100 days ago: in no window.
  await lab.upload({
    runId: "ancient",
    startUs: TODAY_US - 100 * DAY_US,
    results: [{ name: "forgotten" }, { name: "cart 100%", status: FAILED, message: "no" }],
  });
  await lab.upload({
    runId: "old",
    startUs: TODAY_US - 60 * DAY_US,
    results: times(50, { name: "was slow", us: 60_000_000 }),
  });
  // One after the other: the order in which they are first seen.
  for (const results of [
    times(4, { name: "breaks", status: FAILED, message: "no", us: 1_000 }),
    times(1, { name: "errs", status: ERRORED, message: "crash" }),
    [
      ...times(3, { name: "flakes", us: 30_000 }),
      { name: "flakes", status: FAILED, message: "sometimes", id: "failed" },
    ],
    times(20, { name: "Quick_One", us: 10 }),
  ]) {
    const startUs = TODAY_US - 3 * DAY_US + HOUR_US;
    await lab.upload({ runId: "recent", commitSha: "abc", startUs, results });
  }
  await lab.upload({
    runId: "today",
    startUs: TODAY_US,
    results: [
      { name: "breaks", status: FAILED, message: "no", us: 2_000 },
      { name: "breaks", attempt: 2, status: SKIPPED },
      { name: "Quick_One", us: 20 },
      { name: "was slow", us: 100 },
    ],
  });
  await lab.settle();
});
afterAll(() => lab[Symbol.asyncDispose]());

type Request = Parameters<StatsLab["stats"]["listTests"]>[0];
const list = (request: Request) => lab.stats.listTests(request);
const names = async (request: Request) =>
  (await list(request)).tests.map(({ test }) => test?.name ?? "");
const find = async (name: string, request: Request = {}) =>
  (await list(request)).tests.find(({ test }) => test?.name === name);

describe("a list of tests", () => {
  it.each<[string, TestSort, string[]]>([
    ["failures", TestSort.UNSPECIFIED, ["breaks", "errs", "flakes", "was slow", "Quick_One"]],
    ["failures", TestSort.FAILURES, ["breaks", "errs", "flakes", "was slow", "Quick_One"]],
    ["failure rate", TestSort.FAILURE_RATE, ["breaks", "errs", "flakes", "was slow", "Quick_One"]],
    ["flake rate", TestSort.FLAKE_RATE, ["flakes", "was slow", "breaks", "errs", "Quick_One"]],
    ["p95", TestSort.P95_DURATION, ["flakes", "breaks", "was slow", "Quick_One", "errs"]],
    ["total time", TestSort.TOTAL_TIME, ["flakes", "breaks", "Quick_One", "was slow", "errs"]],
    ["last seen", TestSort.LAST_SEEN, ["was slow", "breaks", "Quick_One", "errs", "flakes"]],
  ])("is in the order of %s, equal ones as they were first seen", async (_, sort, expected) => {
    expect(await names({ sort })).toEqual(expected);
  });

  it("has the figures of the window", async () => {
    const breaks = await find("breaks");
    expect(breaks).toMatchObject({
      test: { suite: "", file: "", name: "breaks", parameters: "", variant: {} },
      figures: {
        results: {
          resultCount: 6n,
          passedCount: 0n,
          failedCount: 5n,
          erroredCount: 0n,
          skippedCount: 1n,
          duration: at(6_000),
        },
        failureRate: { value: 1, numerator: 5n, denominator: 5n, upper: 1 },
        flakeRate: { value: 0, numerator: 0n, denominator: 5n },
        duration: { count: 5n },
      },
      verdict: Verdict.BROKEN,
      lastRunId: "today",
      lastSeenTime: at(TODAY_US),
      lastStatus: FAILED,
    });
    expect(breaks?.testId).toMatch(/^[0-9a-f]{32}$/);
    // 5 of 5 by hand: 1 / (1 + 3.8415 / 5).
    expect(breaks?.figures?.failureRate?.lower).toBeCloseTo(0.5655, 4);
    const p95 = usOf(breaks?.figures?.duration?.p95);
    expect(Math.abs(p95 - 2_000)).toBeLessThan(40);
    expect(await find("flakes")).toMatchObject({
      figures: { flakeRate: { numerator: 1n, denominator: 4n, value: 0.25 } },
      verdict: Verdict.FLAKY,
    });
    expect(await find("errs")).toMatchObject({ verdict: Verdict.UNKNOWN });
    expect(await find("Quick_One")).toMatchObject({ verdict: Verdict.HEALTHY });
  });

  it("is of the last 1, 7, 30 or 90 days", async () => {
    expect((await names({ windowDays: 1 })).sort()).toEqual(["Quick_One", "breaks", "was slow"]);
    expect((await names({ windowDays: 7 })).sort()).toEqual([
      "Quick_One",
      "breaks",
      "errs",
      "flakes",
      "was slow",
    ]);
    const quarter = await find("was slow", { windowDays: 90 });
    expect(quarter?.figures?.results?.passedCount).toBe(51n);
    const month = await find("was slow", { windowDays: 30 });
    expect(month?.figures?.results?.passedCount).toBe(1n);
    const today = await find("breaks", { windowDays: 1 });
    expect(today?.figures).toMatchObject({
      results: { resultCount: 2n, failedCount: 1n, skippedCount: 1n, duration: at(2_000) },
      duration: { count: 1n },
    });
    const p50 = usOf(today?.figures?.duration?.p50);
    expect(Math.abs(p50 - 2_000)).toBeLessThan(40);
    expect(await names({ windowDays: 90, text: "forgotten" })).toEqual([]);
  });

  it("finds a text whatever its case, and takes it as it stands", async () => {
    expect(await names({ text: "QUICK_o" })).toEqual(["Quick_One"]);
    expect((await list({ text: "quick" })).testCount).toBe(1n);
    // Not as patterns.
    for (const text of ["%", "quick%one", "q_ick", "100%", "\\"]) {
      expect(await list({ text })).toMatchObject({ tests: [], testCount: 0n, nextPageToken: "" });
    }
  });

  it("finds a sigma in all its forms, by a list and in a run", async () => {
    await using greek = await StatsLab.start();
    const results = [{ name: "ΟΔΟΣ" }, { name: "οδος" }, { name: "οδοί" }];
    await greek.upload({ runId: "greek", startUs: TODAY_US, results });
    await greek.settle();
    const { tests } = await greek.stats.listTests({});
    const oneTest = tests.find(({ test }) => test?.name === "ΟΔΟΣ")?.testId ?? "";
    for (const text of ["ΟΔΟΣ", "οδος", "οδοσ"]) {
      expect((await greek.stats.listTests({ text })).testCount, text).toBe(2n);
      const inRun = await greek.stats.listResults({ runId: "greek", text });
      expect(inRun.results, text).toHaveLength(2);
      const ofTest = await greek.stats.listResults({ testId: oneTest, text });
      expect(ofTest.results, text).toHaveLength(1);
    }
  });

  it("comes in pages, each test once, with the count of the whole", async () => {
    for (const sort of [TestSort.FAILURES, TestSort.FLAKE_RATE, TestSort.LAST_SEEN]) {
      const seen: string[] = [];
      let pageToken = "";
      do {
        const page = await list({ sort, pageSize: 2, pageToken });
        expect(page.testCount).toBe(5n);
        seen.push(...page.tests.map(({ test }) => test?.name ?? ""));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(seen).toEqual(await names({ sort }));
    }
  });

  it("ends before it is larger than a message", async () => {
    const long = (name: string) => ({
      test: {
        suite: "s".repeat(1024),
        file: "f".repeat(1024),
        name: name.padEnd(1024, "n"),
        parameters: "p".repeat(1024),
        variant: Object.fromEntries(
          Array.from({ length: 64 }, (_, i) => [`${i}`.padEnd(64, "k"), "v".repeat(256)]),
        ),
      },
      status: PASSED,
    });
    const results = Array.from({ length: 150 }, (_, i) => long(`long ${i} `));
    await lab.ingest.ingestRun({ run: { runId: "long" }, results });
    await lab.settle();
    const seen = new Set<string>();
    let pageToken = "";
    let pages = 0;
    do {
      const page = await list({ text: "long", pageSize: 1000, pageToken });
      for (const { testId } of page.tests) seen.add(testId);
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== "");
    expect([seen.size, pages]).toEqual([150, 2]);
  });
});

describe("refuses", () => {
  it.each<[string, Request]>([
    ["window_days", { windowDays: 2 }],
    ["window_days", { windowDays: -1 }],
    ["sort", { sort: 7 as TestSort }],
    ["text", { text: "t".repeat(257) }],
    ["text", { text: "a\0b" }],
    ["page_size", { pageSize: -1 }],
    ["page_token", { pageToken: "forged" }],
  ])("a bad %s", async (field, request) => {
    expect(await refusalOf(list(request))).toEqual(["INVALID_ARGUMENT", [field]]);
  });

  it("the token of another order, window or text", async () => {
    const { nextPageToken: pageToken } = await list({ pageSize: 1 });
    expect(pageToken).not.toBe("");
    for (const other of [{ sort: TestSort.P95_DURATION }, { windowDays: 7 }, { text: "a" }]) {
      const refused = await refusalOf(list({ pageToken, ...other }));
      expect(refused).toEqual(["INVALID_ARGUMENT", ["page_token"]]);
    }
  });
});
