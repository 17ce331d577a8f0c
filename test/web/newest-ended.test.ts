/** Which runs tell what broke, and what of it is news. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RunSchema, RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { CompareRunsResponseSchema } from "../../gen/tally/v1/stats_service_pb.js";
import { branchesOf, mainBranch } from "../../src/web/format/branches.js";
import { failingTests, newestEnded } from "../../src/web/pages/overview/newest-ended.js";

const { RUNNING, FINISHED, INCOMPLETE, ABANDONED } = RunState;

describe("mainBranch", () => {
  it("is what most runs would be merged into, if it runs too", () => {
    const runs = [run("1", "a", { base: "trunk" }), run("2", "a"), run("3", "trunk")];
    expect(mainBranch(runs)).toBe("trunk");
    expect(mainBranch(runs.slice(0, 2))).toBe("a");
  });

  it("is else the branch with most runs, and empty where there is none", () => {
    expect(mainBranch([run("1", "b"), run("2", "a"), run("3", "a")])).toBe("a");
    expect(mainBranch([run("1", "")])).toBe("");
  });

  it("is told among the others, each once", () => {
    const runs = [run("1", "b"), run("2", ""), run("3", "a"), run("4", "b")];
    expect(branchesOf(runs)).toEqual(["b", "a"]);
  });
});

describe("newestEnded", () => {
  const runs = [
    run("5", "main", { state: RUNNING }),
    run("4", "main", { state: ABANDONED }),
    run("3", "main", { state: INCOMPLETE }),
    run("2", "change"),
    run("1", "main"),
  ];

  it("is the newest run of the branch that ended, and the one before it", () => {
    expect(idsOf(newestEnded(runs, "main"))).toEqual(["3", "1"]);
    expect(idsOf(newestEnded(runs, ""))).toEqual(["3", "2"]);
  });

  it("is compared with itself where there is none before, and nothing where none has ended", () => {
    expect(idsOf(newestEnded(runs, "change"))).toEqual(["2", "2"]);
    expect(newestEnded(runs.slice(0, 2), "main")).toBeUndefined();
  });
});

describe("failingTests", () => {
  it("tells the newly failing first, then new tests that fail, then the others", () => {
    const change = (testId: string, headStatus = Status.FAILED) => ({ testId, headStatus });
    const compared = create(CompareRunsResponseSchema, {
      base: { runId: "1" },
      head: { runId: "2" },
      stillFailing: { changes: [change("still")] },
      added: {
        changes: [change("passes", Status.PASSED), change("added", Status.ERRORED)],
      },
      newlyFailing: { changes: [change("new")] },
      fixed: { changes: [change("fixed", Status.PASSED)] },
    });
    expect(failingTests(compared).map(({ change: { testId }, kind }) => [testId, kind])).toEqual([
      ["new", "new"],
      ["added", "added"],
      ["still", "still"],
    ]);
  });

  it("calls nothing old or new in a run that there is nothing to compare with", () => {
    const run = { runId: "1" };
    const stillFailing = { changes: [{ testId: "fails", headStatus: Status.FAILED }] };
    const compared = create(CompareRunsResponseSchema, { base: run, head: run, stillFailing });
    expect(failingTests(compared).map(({ kind }) => kind)).toEqual(["uncompared"]);
  });
});

function run(
  runId: string,
  branch: string,
  { base = "", state = FINISHED }: { base?: string; state?: RunState } = {},
) {
  return create(RunSchema, { runId, state, source: { branch, baseBranch: base } });
}

function idsOf(found: ReturnType<typeof newestEnded>) {
  return [found?.head.runId, found?.base.runId];
}
