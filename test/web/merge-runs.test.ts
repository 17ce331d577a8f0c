import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { type Run, RunSchema, RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { type WatchedRun, WatchedRunSchema } from "../../gen/tally/v1/stats_service_pb.js";
import { countsAtMs } from "../../src/web/format/run-time.js";
import { mergeRuns } from "../../src/web/pages/runs/merge-runs.js";

const run = (runId: string, atMs: number, state = RunState.RUNNING): Run =>
  create(RunSchema, {
    runId,
    state,
    status: Status.UNSPECIFIED,
    startTime: timestampFromMs(atMs),
    createTime: timestampFromMs(atMs),
  });
const told = (...runs: readonly Run[]): ReadonlyMap<string, WatchedRun> =>
  new Map(runs.map((each) => [each.runId, create(WatchedRunSchema, { run: each })]));
const ids = (runs: readonly Run[]) => runs.map(({ runId }) => runId);
const listed = [run("c", 3000), run("b", 2000), run("a", 1000)];

describe("mergeRuns", () => {
  it("shows a listed run as it is now, in its place, though it no longer matches", () => {
    const rows = mergeRuns(listed, told(run("b", 2000, RunState.FINISHED)), () => false, false);
    expect(ids(rows)).toEqual(["c", "b", "a"]);
    expect(rows[1]?.state).toBe(RunState.FINISHED);
  });

  it("adds a run that was told of where it belongs", () => {
    const rows = mergeRuns(listed, told(run("d", 4000), run("b2", 2500)), () => true, false);
    expect(ids(rows)).toEqual(["d", "c", "b2", "b", "a"]);
  });

  it("orders runs of one time by id, descending", () => {
    expect(ids(mergeRuns(listed, told(run("cc", 3000)), () => true, false))[0]).toBe("cc");
  });

  it("leaves out what does not match", () => {
    expect(ids(mergeRuns(listed, told(run("d", 4000)), () => false, false))).toEqual(ids(listed));
  });

  it("leaves older runs to the next page while there is one", () => {
    const old = told(run("0", 500));
    expect(ids(mergeRuns(listed, old, () => true, true))).toEqual(["c", "b", "a"]);
    expect(ids(mergeRuns(listed, old, () => true, false))).toEqual(["c", "b", "a", "0"]);
  });

  it("drops a run that was deleted", () => {
    const deleted = new Map([
      ["b", create(WatchedRunSchema, { run: { runId: "b" }, deleted: true })],
      ["x", create(WatchedRunSchema, { run: { runId: "x" }, deleted: true })],
    ]);
    expect(ids(mergeRuns(listed, deleted, () => true, false))).toEqual(["c", "a"]);
  });
});

describe("countsAtMs", () => {
  it("is the receipt of a run that claims to start later", () => {
    const early = run("a", 1000);
    early.startTime = timestampFromMs(9000);
    expect(countsAtMs(early)).toBe(1000);
    early.startTime = timestampFromMs(500);
    expect(countsAtMs(early)).toBe(500);
  });
});
