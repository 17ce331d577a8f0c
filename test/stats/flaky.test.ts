import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import {
  contradicts,
  type Evidence,
  FLAKY_VERSION,
  judgeTest,
  type ResultFacts,
} from "../../src/stats/flaky.js";

it("has the version of these definitions", () => {
  expect(FLAKY_VERSION).toBe(1);
});

describe("a failed and a passed result", () => {
  const failed: ResultFacts = {
    testKey: "1",
    job: "linux",
    status: Status.FAILED,
    runKey: "10",
    commitSha: "c1",
    treeSha: "t1",
    dirty: false,
  };
  /** Of another run of the same commit and tree. */
  const passed: ResultFacts = { ...failed, status: Status.PASSED, runKey: "11" };

  it.each<[string, Partial<ResultFacts>]>([
    ["one commit and tree", {}],
    ["one run", { runKey: "10" }],
    ["one run that is dirty", { runKey: "10", dirty: true }],
    ["one run of no known code", { runKey: "10", commitSha: "", treeSha: "" }],
    ["one commit", { treeSha: "" }],
    ["one commit with another tree", { treeSha: "t2" }],
    ["one tree", { commitSha: "" }],
    ["one tree under another commit", { commitSha: "c2" }],
  ])("contradict each other if they are of %s", (_, change) => {
    expect(contradicts(failed, { ...passed, ...change })).toBe(true);
  });

  it.each<[string, Partial<ResultFacts>]>([
    ["other code", { commitSha: "c2", treeSha: "t2" }],
    ["code that is not known", { commitSha: "", treeSha: "" }],
    ["a commit that is the other's tree", { commitSha: "t1", treeSha: "c1" }],
    ["a dirty run", { dirty: true }],
    ["another job", { job: "windows" }],
    ["another job of the run", { job: "windows", runKey: "10" }],
    ["another test", { testKey: "2" }],
    ["another test of the run", { testKey: "2", runKey: "10" }],
  ])("do not if one is of %s", (_, change) => {
    expect(contradicts(failed, { ...passed, ...change })).toBe(false);
    // And the other way round.
    const { runKey } = { ...passed, ...change };
    const other = { ...failed, ...change, runKey };
    expect(contradicts(other, { ...passed, runKey: failed.runKey })).toBe(false);
  });

  it("do not if neither run tells its code", () => {
    const unknown = { commitSha: "", treeSha: "" };
    expect(contradicts({ ...failed, ...unknown }, { ...passed, ...unknown })).toBe(false);
  });

  it("are the only ones that do", () => {
    const all = [
      Status.UNSPECIFIED,
      Status.PASSED,
      Status.FAILED,
      Status.ERRORED,
      Status.SKIPPED,
      Status.PRECLUDED,
    ];
    const pairs = all.flatMap((one) => all.map((other) => [one, other] as const));
    const found = pairs.filter(([one, other]) =>
      contradicts({ ...failed, status: one }, { ...passed, status: other }),
    );
    expect(found).toEqual([[Status.FAILED, Status.PASSED]]);
  });
});

describe("a verdict", () => {
  /** One flaky failure in 40, ten results ago. */
  const flaky: Evidence = {
    flakyFailures: 1,
    decisive: 40,
    recentRuns: runs("p p p x p"),
    decisiveSinceLastFlake: 10,
  };
  const healthy: Evidence = { ...flaky, flakyFailures: 0, recentRuns: runs("p p p") };

  it.each<[string, Evidence]>([
    ["UNKNOWN", { ...healthy, decisive: 0, recentRuns: [] }],
    // The runs are older than the window.
    ["UNKNOWN", { ...healthy, decisive: 0, recentRuns: runs("f f f") }],
    ["HEALTHY", healthy],
    ["HEALTHY", { ...healthy, recentRuns: runs("p f f f") }],
    // Passed and failed in one run, but not in one job.
    ["HEALTHY", { ...healthy, recentRuns: runs("x f f") }],
    ["BROKEN", { ...healthy, recentRuns: runs("f") }],
    ["BROKEN", { ...healthy, recentRuns: runs("f p p") }],
    ["FLAKY", flaky],
    ["FLAKY", { ...flaky, recentRuns: runs("f p p p") }],
    ["FLAKY", { ...flaky, recentRuns: runs("f f p p") }],
    ["FLAKY", { ...flaky, recentRuns: runs("f f x f") }],
    ["FLAKY", { ...flaky, recentRuns: runs("f f") }],
    ["BROKEN", { ...flaky, recentRuns: runs("f f f p x") }],
    // Only fails now, though it had recovered.
    [
      "BROKEN",
      {
        ...flaky,
        flakyFailures: 40,
        decisive: 200,
        decisiveSinceLastFlake: 100,
        recentRuns: runs("f f f"),
      },
    ],
  ])("is %s for %j", (verdict, evidence) => {
    expect(judgeTest(evidence)).toBe(verdict);
  });

  it.each([
    // 3 / (10 / 77) = 23.1, 3 / (10 / 76) = 22.8.
    [10, 100, 23, "FLAKY"],
    [10, 100, 24, "RECOVERED"],
    // 3 / (7 / 71) = 30.4, 3 / (7 / 70) = 30.
    [7, 100, 29, "FLAKY"],
    [7, 100, 30, "RECOVERED"],
    // 3 / (30 / 41) = 4.1, 3 / (30 / 40) = 4.
    [30, 60, 19, "FLAKY"],
    [30, 60, 20, "RECOVERED"],
    // 3 / (1 / 26) = 78, 3 / (1 / 25) = 75.
    [1, 100, 74, "FLAKY"],
    [1, 100, 75, "RECOVERED"],
  ])(
    "with %d flaky failures in %d and %d since is %s",
    (flakyFailures, decisive, since, verdict) => {
      const evidence = { ...flaky, flakyFailures, decisive, decisiveSinceLastFlake: since };
      expect(judgeTest(evidence)).toBe(verdict);
    },
  );

  it("of recovery has a chance of at most 5 % if the test is still as flaky", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 5000 }),
        (flakyFailures, others) => {
          const decisive = flakyFailures + others;
          const since = Array.from({ length: others + 1 }, (_, i) => i).find(
            (count) =>
              judgeTest({ ...flaky, flakyFailures, decisive, decisiveSinceLastFlake: count }) ===
              "RECOVERED",
          );
          fc.pre(since !== undefined);
          expect((1 - flakyFailures / (decisive - since)) ** since).toBeLessThanOrEqual(0.05);
          expect(since).toBeGreaterThanOrEqual(20);
        },
      ),
    );
  });
});

/** `p` a run that passed, `f` one that failed, `x` both; newest first. */
function runs(text: string): Evidence["recentRuns"] {
  return text.split(" ").map((each) => ({ passed: each !== "f", failed: each !== "p" }));
}
