import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { RunSchema, RunState, Status } from "../../gen/tally/v1/run_pb.js";
import { ListRunsRequestSchema } from "../../gen/tally/v1/stats_service_pb.js";
import {
  isEmptyFilter,
  labelProblem,
  listRunsInput,
  matchesFilter,
  type RunFilter,
} from "../../src/web/pages/runs/run-filter.js";

const none: RunFilter = {
  branch: "",
  status: "",
  state: "",
  commit: "",
  label: "",
  from: "",
  to: "",
};
const noon = new Date(2026, 10, 21, 12).getTime();
const run = create(RunSchema, {
  runId: "a",
  status: Status.FAILED,
  state: RunState.FINISHED,
  source: { branch: "main", commitSha: "abc" },
  labels: { trigger: "a=b" },
  startTime: timestampFromMs(noon),
  createTime: timestampFromMs(noon),
});

describe("matchesFilter", () => {
  it.each<[Partial<RunFilter>, boolean]>([
    [{}, true],
    [{ branch: "main" }, true],
    [{ branch: "mai" }, false],
    [{ status: "failed" }, true],
    [{ status: "passed" }, false],
    [{ status: "no such" }, true],
    [{ state: "finished" }, true],
    [{ state: "running" }, false],
    [{ commit: "abc" }, true],
    [{ commit: "ab" }, false],
    [{ label: "trigger=a=b" }, true],
    [{ label: "trigger=a" }, false],
    [{ label: "other=" }, false],
    [{ from: "2026-11-21" }, true],
    [{ from: "2026-11-22" }, false],
    [{ to: "2026-11-21" }, true],
    [{ to: "2026-11-20" }, false],
  ])("judges %j: %s", (part, expected) => {
    expect(matchesFilter(run, { ...none, ...part })).toBe(expected);
  });
});

describe("listRunsInput", () => {
  it("asks for whole days, the last one with all of it", () => {
    const days = { ...none, from: "2026-11-20", to: "2026-11-21" };
    const { startTime, endTime } = create(ListRunsRequestSchema, listRunsInput("p", days));
    expect(startTime && timestampMs(startTime)).toBe(new Date(2026, 10, 20).getTime());
    expect(endTime && timestampMs(endTime)).toBe(new Date(2026, 10, 22).getTime());
  });

  it("asks for all where nothing is narrowed", () => {
    expect(isEmptyFilter(none)).toBe(true);
    expect(create(ListRunsRequestSchema, listRunsInput("p", none))).toEqual(
      create(ListRunsRequestSchema, { projectId: "p" }),
    );
  });
});

describe("labelProblem", () => {
  it("takes key=value, also with an empty value, and nothing", () => {
    expect(["", "a=b", "a=", "a=b=c"].map(labelProblem)).toEqual(Array(4).fill(undefined));
  });

  it("says how a label is written", () => {
    for (const label of ["a", "=b"]) expect(labelProblem(label)).toContain("key=value");
  });
});
