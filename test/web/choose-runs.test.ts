import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RunSchema, RunState } from "../../gen/tally/v1/run_pb.js";
import { chooseRuns } from "../../src/web/pages/compare/choose-runs.js";

describe("chooseRuns", () => {
  const recent = [
    ["d", RunState.RUNNING],
    ["c", RunState.FINISHED],
    ["b", RunState.INCOMPLETE],
    ["a", RunState.FINISHED],
  ] as const;
  const runs = recent.map(([runId, state]) => create(RunSchema, { runId, state }));

  it.each([
    [
      { base: "", head: "" },
      { base: "a", head: "c" },
    ],
    [
      { base: "x", head: "" },
      { base: "x", head: "c" },
    ],
    [
      { base: "c", head: "" },
      { base: "c", head: "a" },
    ],
    [
      { base: "", head: "x" },
      { base: "c", head: "x" },
    ],
    [
      { base: "", head: "a" },
      { base: "", head: "a" },
    ],
    [
      { base: "y", head: "x" },
      { base: "y", head: "x" },
    ],
  ])("makes of %j %j", (given, chosen) => {
    expect(chooseRuns(given, runs)).toEqual(chosen);
  });

  it("chooses none where there is none", () => {
    expect(chooseRuns({ base: "", head: "" }, runs.slice(0, 2))).toEqual({ base: "", head: "c" });
  });
});
