import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Status } from "../../../gen/tally/v1/run_pb.js";
import { Verdict } from "../../../gen/tally/v1/stats_pb.js";
import { wilsonInterval } from "../../../src/stats/wilson.js";
import { startOfToday } from "../../support/start-of-today.js";
import { at, DAY_US, HOUR_US, type ResultInput, refusalOf, StatsLab } from "./lab.js";

const TODAY_US = await startOfToday();
const { PASSED, FAILED, ERRORED, SKIPPED, PRECLUDED } = Status;
const daysAgo = (days: number, hours = 0) => TODAY_US - days * DAY_US + hours * HOUR_US;
const pass = (name: string, id = "pass"): ResultInput => ({ name, id });
const fail = (name: string, id = "fail", message = `${name} failed`): ResultInput => ({
  name,
  id,
  status: FAILED,
  message,
});
const passes = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => pass(name, `pass ${i}`));

let lab: StatsLab;
beforeAll(async () => {
  lab = await StatsLab.start();
  // A retry within a run.
  await lab.upload({
    runId: "retried",
    commitSha: "c1",
    startUs: daysAgo(5),
    job: "linux",
    results: [
      { ...fail("retry", "1"), attempt: 1 },
      { ...pass("retry", "2"), attempt: 2 },
      ...passes("retry", 7),
    ],
  });
  // Runs of one commit; the pass comes first by its start, but is uploaded last.
  const ofCommit = { commitSha: "c2", treeSha: "t2" };
  await lab.upload({
    ...ofCommit,
    runId: "red",
    startUs: daysAgo(4, 2),
    results: [fail("commit"), fail("tree"), fail("other job"), fail("dirty")],
  });
  await lab.upload({
    ...ofCommit,
    runId: "green 2",
    startUs: daysAgo(4, 3),
    results: [pass("commit")],
  });
  await lab.upload({
    ...ofCommit,
    runId: "green 1",
    startUs: daysAgo(4, 1),
    results: [pass("commit")],
  });
  // Runs of one tree.
  const ofTree = { commitSha: "c3", treeSha: "t2" };
  await lab.upload({ ...ofTree, runId: "tree", startUs: daysAgo(4, 4), results: [pass("tree")] });
  // No contradictions: another job, a dirty tree, other code, no code, other statuses.
  await lab.upload({
    ...ofCommit,
    runId: "other job",
    job: "mac",
    startUs: daysAgo(4, 5),
    results: [pass("other job")],
  });
  await lab.upload({
    ...ofCommit,
    runId: "dirty",
    dirty: true,
    startUs: daysAgo(4, 6),
    results: [pass("dirty")],
  });
  await lab.upload({ runId: "no code", startUs: daysAgo(4), results: [fail("no code")] });
  await lab.upload({ runId: "no code 2", startUs: daysAgo(4), results: [pass("no code")] });
  await lab.upload({
    runId: "statuses",
    commitSha: "c4",
    startUs: daysAgo(4),
    results: [ERRORED, SKIPPED, PRECLUDED, PASSED].map((status) => ({
      name: "statuses",
      id: `${status}`,
      status,
      message: "m",
    })),
  });
  // Once flaky (4 of 60), it has passed 50 times since; and one that only fails since.
  await lab.upload({
    runId: "was",
    startUs: daysAgo(20),
    results: [
      ...Array.from({ length: 4 }, (_, i) => fail("was flaky", `fail ${i}`)),
      ...passes("was flaky", 6),
      fail("broke"),
      pass("broke"),
    ],
  });
  await lab.upload({ runId: "since", startUs: daysAgo(3), results: passes("was flaky", 50) });
  for (let day = 3; day > 0; day--) {
    await lab.upload({ runId: `broke ${day}`, startUs: daysAgo(day), results: [fail("broke")] });
  }
  await lab.settle();
});
afterAll(() => lab[Symbol.asyncDispose]());

type Request = Parameters<StatsLab["stats"]["listFlakyTests"]>[0];
const list = (request: Request) => lab.stats.listFlakyTests(request);
const names = async (request: Request = {}) =>
  (await list(request)).tests.map(({ test }) => test?.test?.name ?? "");
const find = async (name: string, request: Request = {}) =>
  (await list(request)).tests.find(({ test }) => test?.test?.name === name);

describe("flaky tests", () => {
  it("come by the lower end of their rate's interval", async () => {
    // Flaky failures of decisive results: 1 of 3, 1 of 2, 4 of 60, 1 of 5 and 1 of 9.
    const rates = {
      commit: [1, 3],
      tree: [1, 2],
      "was flaky": [4, 60],
      broke: [1, 5],
      retry: [1, 9],
    };
    const expected = Object.entries(rates)
      .map(([name, [k = 0, n = 0]]) => ({ name, lower: wilsonInterval(k, n).lower }))
      .sort((a, b) => b.lower - a.lower);
    expect(await names()).toEqual(expected.map(({ name }) => name));
    const found = (await list({})).tests.map(({ test }) => test?.figures?.flakeRate?.lower);
    expect(found).toEqual(expected.map(({ lower }) => lower));
  });

  it("show the failed and the passed result of one run", async () => {
    expect(await find("retry")).toMatchObject({
      definitionVersion: 1,
      firstTime: at(daysAgo(5)),
      lastTime: at(daysAgo(5)),
      decisiveSinceCount: 0n,
      test: {
        verdict: Verdict.FLAKY,
        figures: { flakeRate: { numerator: 1n, denominator: 9n } },
      },
      evidence: [
        {
          commitSha: "c1",
          treeSha: "",
          job: "linux",
          failed: { runId: "retried", resultId: "1", attempt: 1, runStartTime: at(daysAgo(5)) },
          failureMessage: "retry failed",
          passed: { runId: "retried", resultId: "2", attempt: 2, runStartTime: at(daysAgo(5)) },
          probableOutage: false,
        },
      ],
    });
  });

  it("show the earliest pass of the same commit or tree, in whatever order they came", async () => {
    const [commit, tree] = [await find("commit"), await find("tree")];
    expect(commit?.evidence).toMatchObject([
      { commitSha: "c2", failed: { runId: "red" }, passed: { runId: "green 1" } },
    ]);
    expect(tree?.evidence).toMatchObject([
      { treeSha: "t2", failed: { runId: "red" }, passed: { runId: "tree", resultId: "pass" } },
    ]);
  });

  it("recover by the rule of three, or break", async () => {
    expect(await find("was flaky")).toMatchObject({
      test: { verdict: Verdict.RECOVERED },
      decisiveSinceCount: 50n,
      evidence: [{}, {}, {}],
    });
    expect(await find("broke")).toMatchObject({
      test: { verdict: Verdict.BROKEN },
      decisiveSinceCount: 3n,
      evidence: [{ failed: { runId: "was" } }],
    });
    expect(await names({ verdicts: [Verdict.RECOVERED] })).toEqual(["was flaky"]);
    expect(await names({ verdicts: [Verdict.BROKEN, Verdict.RECOVERED] })).toHaveLength(2);
    expect(await names({ verdicts: [Verdict.FLAKY] })).toHaveLength(3);
  });

  it("are those with a flaky failure in the window", async () => {
    expect((await names({ windowDays: 7 })).sort()).toEqual(["commit", "retry", "tree"]);
    expect(await names({ windowDays: 1 })).toEqual([]);
  });

  it("come in pages, also where few of them match", async () => {
    for (const verdicts of [[], [Verdict.FLAKY], [Verdict.BROKEN], [Verdict.RECOVERED]]) {
      const seen: string[] = [];
      let pageToken = "";
      do {
        const page = await list({ verdicts, pageSize: 1, pageToken });
        expect(page.tests.length).toBeLessThanOrEqual(1);
        seen.push(...page.tests.map(({ test }) => test?.test?.name ?? ""));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(seen).toEqual(await names({ verdicts }));
    }
  });
});

it("takes late results in, and what a deleted run had out", async () => {
  const code = { commitSha: "late" };
  await lab.upload({
    ...code,
    runId: "late red",
    status: FAILED,
    startUs: daysAgo(2),
    results: [fail("late", "1", "says this")],
  });
  await lab.settle();
  expect(await find("late")).toBeUndefined();
  await lab.upload({
    ...code,
    runId: "late green",
    startUs: daysAgo(2, 1),
    results: [pass("late")],
  });
  await lab.settle();
  expect(await find("late")).toMatchObject({
    test: { figures: { flakeRate: { numerator: 1n, denominator: 2n } } },
    evidence: [{ failureMessage: "says this", passed: { runId: "late green" } }],
  });
  await lab.ingest.deleteRun({ runId: "late green" });
  await lab.settle();
  expect(await find("late")).toBeUndefined();
});

it("says where a failure was one of a mass", async () => {
  await lab.upload({
    runId: "outage",
    commitSha: "o",
    startUs: daysAgo(1, 1),
    results: Array.from({ length: 20 }, (_, i) =>
      fail(`victim ${i}`, "1", `refused by 10.0.0.${i}`),
    ),
  });
  await lab.upload({
    runId: "after",
    commitSha: "o",
    startUs: daysAgo(1, 2),
    results: [pass("victim 3")],
  });
  await lab.settle();
  expect(await find("victim 3")).toMatchObject({ evidence: [{ probableOutage: true }] });
});

it("has a message that is cut, and the newest failures: three, alone ten", async () => {
  const message = `€${"x".repeat(3000)}`;
  await lab.upload({
    runId: "many",
    startUs: daysAgo(6),
    results: [pass("many"), ...Array.from({ length: 12 }, (_, i) => fail("many", `${i}`, message))],
  });
  await lab.settle();
  const many = await find("many");
  expect(many?.evidence).toHaveLength(3);
  const { flaky } = await lab.stats.getTestHistory({ testId: many?.test?.testId ?? "" });
  expect(flaky?.evidence).toHaveLength(10);
  expect(many?.evidence[0]?.failureMessage).toBe(message.slice(0, 1022));
  expect(many?.test?.figures?.flakeRate?.numerator).toBe(12n);
});

describe("refuses", () => {
  it.each<[string, Request]>([
    ["window_days", { windowDays: 31 }],
    ["verdicts[1]", { verdicts: [Verdict.FLAKY, Verdict.HEALTHY] }],
    ["verdicts[0]", { verdicts: [9 as Verdict] }],
    ["verdicts[0]", { verdicts: [Verdict.UNSPECIFIED] }],
    ["page_size", { pageSize: -1 }],
    ["page_token", { pageToken: "forged" }],
  ])("a bad %s", async (field, request) => {
    expect(await refusalOf(list(request))).toEqual(["INVALID_ARGUMENT", [field]]);
  });
});
