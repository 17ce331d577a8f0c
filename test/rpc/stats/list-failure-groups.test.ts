import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, HOUR_US, type ResultInput, refusalOf, StatsLab } from "./lab.js";

const TODAY_US = await startOfToday();
const { FAILED, ERRORED } = Status;
const daysAgo = (days: number, hours = 0) => TODAY_US - days * DAY_US + hours * HOUR_US;
const fail = (name: string, message: string, status = FAILED, id = "1"): ResultInput => ({
  name,
  message,
  status,
  id,
});

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
  await lab.upload({
    runId: "old",
    startUs: daysAgo(40),
    results: [fail("a", "expected 1 to equal 2"), fail("b", "forgotten")],
  });
  await lab.upload({
    runId: "first",
    startUs: daysAgo(10),
    results: [fail("a", "expected 3 to equal 4"), fail("b", "expected 5 to equal 6", ERRORED)],
  });
  await lab.upload({
    runId: "second",
    startUs: daysAgo(2),
    results: [
      fail("a", "expected 7 to equal 8"),
      fail("c", "crash at /srv/app/x.ts:12:7"),
      { name: "silent", status: FAILED, id: "1" },
      { name: "passed" },
    ],
  });
  // 20 of 400, which are 5 %, and 20 of 401.
  for (const [runId, passed] of [
    ["outage", 380],
    ["no outage", 381],
  ] as const) {
    await lab.upload({
      runId,
      startUs: daysAgo(1, passed === 380 ? 1 : 2),
      results: [
        ...Array.from({ length: 20 }, (_, i) =>
          fail(`v ${i}`, `connect ECONNREFUSED 10.0.0.${i}:80`),
        ),
        ...Array.from({ length: passed }, (_, i) => ({ name: `ok ${i}` })),
      ],
    });
  }
  await lab.settle();
});
afterAll(() => lab[Symbol.asyncDispose]());

type Request = Parameters<StatsLab["stats"]["listFailureGroups"]>[0];
const list = (request: Request) => lab.stats.listFailureGroups(request);
const brief = async (request: Request) =>
  (await list(request)).groups.map(({ failureCount, testCount, runCount, first, last }) => [
    ...[failureCount, testCount, runCount].map(Number),
    first?.result?.runId,
    last?.result?.runId,
  ]);

describe("failure groups", () => {
  it("hold what failed alike in the window, the largest first", async () => {
    const { groups, fingerprintVersion } = await list({});
    expect(fingerprintVersion).toBe(1);
    expect(groups).toHaveLength(4);
    expect(groups[0]).toMatchObject({
      kind: "assertion",
      type: "Error",
      failureCount: 40n,
      testCount: 20n,
      runCount: 2n,
      probableOutageRunIds: ["outage"],
    });
    expect(groups[0]?.maskedMessage).toContain("ECONNREFUSED");
    expect(groups[0]?.maskedMessage).not.toContain("10.0.0");
    expect(groups[1]).toMatchObject({
      maskedMessage: "expected <n> to equal <n>",
      failureCount: 3n,
      testCount: 2n,
      runCount: 2n,
      first: {
        result: { runId: "first", resultId: "1", attempt: 1, runStartTime: at(daysAgo(10)) },
      },
      last: {
        result: { runId: "second" },
        test: { name: "a" },
        message: "expected 7 to equal 8",
      },
      probableOutageRunIds: [],
    });
    expect(groups[1]?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    // Equal counts: by fingerprint.
    const [third = "", fourth = ""] = groups.slice(2).map(({ fingerprint }) => fingerprint);
    expect(third < fourth).toBe(true);
    const silent = groups.find(({ maskedMessage }) => maskedMessage === "");
    expect(silent).toMatchObject({ kind: "", type: "", first: { message: "" } });
  });

  it("are of the window that is asked for", async () => {
    expect(await brief({ windowDays: 1 })).toEqual([]);
    const week = await brief({ windowDays: 7 });
    expect(week).toContainEqual([1, 1, 1, "second", "second"]);
    const quarter = await brief({ windowDays: 90 });
    expect(quarter).toHaveLength(5);
    expect(quarter[1]).toEqual([4, 2, 3, "old", "second"]);
  });

  it("are of one run, however old it is", async () => {
    expect((await brief({ runId: "first" })).toSorted()).toEqual([[2, 2, 1, "first", "first"]]);
    expect(await brief({ runId: "old" })).toHaveLength(2);
    const { groups } = await list({ runId: "outage" });
    expect(groups).toMatchObject([
      { failureCount: 20n, testCount: 20n, probableOutageRunIds: ["outage"] },
    ]);
    expect((await list({ runId: "no outage" })).groups[0]?.probableOutageRunIds).toEqual([]);
  });

  it("come in pages, each group once", async () => {
    for (const filter of [{ windowDays: 90 }, { runId: "second" }]) {
      const seen: string[] = [];
      let pageToken = "";
      do {
        const page = await list({ ...filter, pageSize: 1, pageToken });
        seen.push(...page.groups.map(({ fingerprint }) => fingerprint));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      const all = (await list(filter)).groups.map(({ fingerprint }) => fingerprint);
      expect(seen).toEqual(all);
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  it("lose what a deleted run had", async () => {
    const message = "only here";
    await lab.upload({ runId: "gone", startUs: daysAgo(3), results: [fail("x", message)] });
    await lab.settle();
    const has = async () =>
      (await list({})).groups.some(({ maskedMessage }) => maskedMessage === message);
    expect(await has()).toBe(true);
    await lab.ingest.deleteRun({ runId: "gone" });
    expect(await refusalOf(list({ runId: "gone" }))).toEqual(["NOT_FOUND", []]);
    await lab.settle();
    expect(await has()).toBe(false);
  });
});

describe("refuses", () => {
  it.each<[string, Request]>([
    ["window_days", { windowDays: 3 }],
    ["window_days", { windowDays: 7, runId: "first" }],
    ["run_id", { runId: "r".repeat(257) }],
    ["page_size", { pageSize: -1 }],
    ["page_token", { pageToken: "forged" }],
  ])("a bad %s", async (field, request) => {
    expect(await refusalOf(list(request))).toEqual(["INVALID_ARGUMENT", [field]]);
  });

  it("a run that is not there", async () => {
    expect(await refusalOf(list({ runId: "none" }))).toEqual(["NOT_FOUND", []]);
  });
});
