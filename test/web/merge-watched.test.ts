import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { WatchedRunSchema } from "../../gen/tally/v1/stats_service_pb.js";
import { mergeWatched } from "../../src/web/live/merge-watched.js";

describe("what is told of runs", () => {
  const told = (runId: string, ...testIds: string[]) =>
    create(WatchedRunSchema, {
      run: { runId },
      failures: testIds.map((testId) => ({ testId, result: { resultId: "1" } })),
    });
  const failuresOf = (runs: ReturnType<typeof mergeWatched>, runId: string) =>
    runs.get(runId)?.failures.map(({ testId }) => testId);

  it("gathers each failure of the run that is asked for once", () => {
    const first = mergeWatched(new Map(), [told("a", "x", "y")], "a", true);
    const second = mergeWatched(first, [told("a", "y", "z")], "a", false);
    expect(failuresOf(second, "a")).toEqual(["x", "y", "z"]);
  });

  it("holds no failures of runs that are watched as many", () => {
    const runs = mergeWatched(new Map(), [told("a", "x"), told("b", "y")], "", true);
    expect([...runs.keys()].map((runId) => failuresOf(runs, runId))).toEqual([[], []]);
  });

  it("drops what an earlier stream told of other runs, and keeps the failures of this one", () => {
    const before = mergeWatched(new Map(), [told("a", "x")], "a", true);
    const again = mergeWatched(before, [told("a", "y")], "a", true);
    expect(failuresOf(again, "a")).toEqual(["x", "y"]);
    expect([...mergeWatched(again, [told("b")], "", true).keys()]).toEqual(["b"]);
  });
});
