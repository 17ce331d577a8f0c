import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { PartSummarySchema, Status } from "../../gen/tally/v1/run_pb.js";
import { StoredResultSchema } from "../../gen/tally/v1/stats_pb.js";
import { shortCommit } from "../../src/web/format/commit.js";
import { partName } from "../../src/web/format/part-name.js";
import { groupByTest } from "../../src/web/pages/run/group-by-test.js";
import { unseenShards } from "../../src/web/pages/run/unseen-shards.js";

describe("unseenShards", () => {
  const part = (job: string, shardIndex: number, shardTotal: number, attempt = 1) =>
    create(PartSummarySchema, { part: { job, shardIndex, shardTotal, attempt } });

  it("names the shards of each job that have not begun, whatever the attempt", () => {
    expect(
      unseenShards([part("a", 2, 3), part("a", 1, 3, 2), part("b", 0, 0), part("c", 1, 2)]),
    ).toEqual([
      { job: "a", index: 3, total: 3 },
      { job: "c", index: 2, total: 2 },
    ]);
  });

  it("stops at a thousand", () => {
    expect(unseenShards([part("a", 1, 10_000)])).toHaveLength(1000);
  });
});

describe("groupByTest", () => {
  const failed = (testId: string, resultId: string) =>
    create(StoredResultSchema, { testId, result: { resultId, status: Status.FAILED } });
  const shape = (tests: ReturnType<typeof groupByTest>) =>
    tests.map(({ testId, results }) => [testId, results.map(({ result }) => result?.resultId)]);

  it("gathers the attempts of a test, in the order of the list", () => {
    expect(shape(groupByTest([failed("b", "1"), failed("a", "1"), failed("b", "2")], []))).toEqual([
      ["b", ["1", "2"]],
      ["a", ["1"]],
    ]);
  });

  it("adds what was told of since at the end, each once", () => {
    const listed = [failed("b", "1")];
    const told = [failed("a", "1"), failed("b", "1"), failed("b", "2")];
    expect(shape(groupByTest(listed, told))).toEqual([
      ["b", ["1", "2"]],
      ["a", ["1"]],
    ]);
  });
});

describe("names", () => {
  it("calls a part by job, shard and CI attempt", () => {
    const named = (part: object) => partName(create(PartSummarySchema, { part }).part);
    expect(named({ job: "unit", shardIndex: 2, shardTotal: 4, attempt: 3 })).toBe(
      "unit 2/4, CI attempt 3",
    );
    expect(named({ job: "unit", attempt: 1 })).toBe("unit");
    expect(named({ attempt: 2 })).toBe("CI attempt 2");
  });

  it("shortens hashes alone", () => {
    expect(shortCommit("9580f0c0068fbbb28c90d30ac4b02af1e6e9b7c3")).toBe("9580f0c0");
    expect(shortCommit("r12345")).toBe("r12345");
    expect(shortCommit("\u202etxt")).toBe("⟨U+202E⟩txt");
  });
});
