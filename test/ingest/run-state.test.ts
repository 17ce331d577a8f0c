import { describe, expect, it } from "vitest";
import { RunState, Status } from "../../gen/tally/v1/run_pb.js";
import type { Counts } from "../../src/db/part-counts.js";
import type { PartRecord } from "../../src/db/part-records.js";
import type { RunRecord } from "../../src/db/run-records.js";
import { deriveRun, missingCount, partStatus } from "../../src/ingest/run-state.js";

const noCounts: Counts = {
  accepted: 0,
  passed: 0,
  failed: 0,
  errored: 0,
  skipped: 0,
  precluded: 0,
  durationUs: 0,
  late: 0,
  duplicates: 0,
  foreign: 0,
  conflicts: 0,
};

function part(change: Partial<PartRecord> = {}): PartRecord {
  return {
    job: "",
    attempt: 1,
    shardIndex: 0,
    shardTotal: 0,
    producer: "",
    streamed: true,
    createUs: 1,
    finishedUs: 5,
    finishStatus: null,
    finishUs: null,
    durationUs: null,
    expectedCount: null,
    counts: noCounts,
    keptRefusals: 0,
    refusedFailures: 0,
    heardRefusals: 0,
    hasFailed: false,
    hasErrored: false,
    ...change,
  };
}

function run(parts: PartRecord[], change: Partial<RunRecord> = {}): RunRecord {
  return {
    runKey: "1",
    runId: "r",
    texts: {} as RunRecord["texts"],
    dirty: false,
    labels: {},
    startUs: 0,
    createUs: 0,
    closedUs: null,
    closedStatus: null,
    closedExpectedCount: null,
    closedFinishUs: null,
    abandoned: false,
    stateVersion: "0",
    settled: true,
    storedStatus: null,
    expireUs: null,
    lacksTests: false,
    parts,
    ...change,
  };
}

const stateOf = (record: RunRecord) => RunState[deriveRun(record).state];
const statusOf = (record: RunRecord) => Status[deriveRun(record).status];
const counts = (change: Partial<Counts>) => ({ ...noCounts, ...change });

describe("state", () => {
  it("is RUNNING until every part has finished", () => {
    expect(stateOf(run([]))).toBe("RUNNING");
    expect(stateOf(run([part({ finishedUs: null })]))).toBe("RUNNING");
    expect(stateOf(run([part(), part({ job: "b", finishedUs: null })]))).toBe("RUNNING");
    expect(stateOf(run([part(), part({ job: "b" })]))).toBe("FINISHED");
  });

  it("waits for every shard that a job announced", () => {
    const shard = (index: number) => part({ shardIndex: index, shardTotal: 3 });
    expect(stateOf(run([shard(1), shard(3)]))).toBe("RUNNING");
    expect(stateOf(run([shard(1), shard(2), shard(3)]))).toBe("FINISHED");
  });

  it("looks at the latest attempt of a job", () => {
    const second = part({ attempt: 2, finishedUs: null });
    expect(stateOf(run([part(), second]))).toBe("RUNNING");
    expect(stateOf(run([part({ finishedUs: null }), part({ attempt: 2 })]))).toBe("FINISHED");
  });

  it("is INCOMPLETE when announced results are neither stored nor kept", () => {
    const short = { expectedCount: 10, counts: counts({ accepted: 8 }), keptRefusals: 1 };
    expect(missingCount(part(short))).toBe(1);
    expect(stateOf(run([part(short)]))).toBe("INCOMPLETE");
    expect(stateOf(run([part({ ...short, keptRefusals: 2 })]))).toBe("FINISHED");
    const stored = counts({ accepted: 8, foreign: 1, duplicates: 5 });
    expect(stateOf(run([part({ ...short, counts: stored })]))).toBe("FINISHED");
  });

  it("is ABANDONED in place of RUNNING, and of nothing else", () => {
    expect(stateOf(run([part({ finishedUs: null })], { abandoned: true }))).toBe("ABANDONED");
    expect(stateOf(run([part()], { abandoned: true }))).toBe("FINISHED");
  });

  it("ends when FinishRun closes the run, complete or not", () => {
    const closed = { closedUs: 9 };
    const open = part({ finishedUs: null });
    expect(stateOf(run([open], closed))).toBe("INCOMPLETE");
    expect(stateOf(run([part({ finishedUs: null, streamed: false })], closed))).toBe("FINISHED");
    expect(stateOf(run([part({ shardIndex: 1, shardTotal: 2 })], closed))).toBe("INCOMPLETE");
    const counted = (closedExpectedCount: number) => ({ ...closed, closedExpectedCount });
    const stored = part({ finishedUs: null, counts: counts({ accepted: 4 }), keptRefusals: 1 });
    expect(stateOf(run([stored], counted(5)))).toBe("FINISHED");
    expect(stateOf(run([stored], counted(6)))).toBe("INCOMPLETE");
  });
});

describe("status", () => {
  it("of a part is as given, else derived from its results", () => {
    expect(partStatus(part({ finishStatus: Status.PASSED, hasFailed: true }))).toBe(Status.PASSED);
    expect(partStatus(part({ hasFailed: true, hasErrored: true }))).toBe(Status.ERRORED);
    expect(partStatus(part({ hasFailed: true }))).toBe(Status.FAILED);
    const recovered = counts({ accepted: 2, failed: 1, passed: 1 });
    expect(partStatus(part({ counts: recovered }))).toBe(Status.PASSED);
    expect(partStatus(part({ counts: counts({ skipped: 1 }) }))).toBe(Status.SKIPPED);
    expect(partStatus(part())).toBe(Status.UNSPECIFIED);
  });

  it("of a run is the worst over the latest attempt of each job and shard", () => {
    const failed = { finishStatus: Status.FAILED };
    const passed = { finishStatus: Status.PASSED };
    expect(statusOf(run([part(passed), part({ ...failed, job: "b" })]))).toBe("FAILED");
    expect(statusOf(run([part(failed), part({ ...passed, attempt: 2 })]))).toBe("PASSED");
    const skipped = { finishStatus: Status.SKIPPED };
    expect(statusOf(run([part(skipped), part({ ...passed, job: "b" })]))).toBe("PASSED");
    expect(statusOf(run([part(failed)], { closedUs: 9, closedStatus: Status.PASSED }))).toBe(
      "PASSED",
    );
  });
});

describe("finish time", () => {
  it("is the last part's, as its producer said or as the server took it", () => {
    const parts = [part({ finishedUs: 50, finishUs: 40 }), part({ job: "b", finishedUs: 30 })];
    expect(deriveRun(run(parts)).finishUs).toBe(40);
    expect(deriveRun(run([...parts, part({ job: "c", finishedUs: null })])).finishUs).toBeNull();
    expect(deriveRun(run(parts, { closedUs: 70, closedFinishUs: 60 })).finishUs).toBe(60);
  });

  it("is that of FinishRun for a part that has not finished", () => {
    const finished = part({ finishedUs: 50, finishUs: 40 });
    const open = part({ job: "b", finishedUs: null });
    expect(deriveRun(run([finished, open], { closedUs: 70 })).finishUs).toBe(70);
    expect(deriveRun(run([finished], { closedUs: 70 })).finishUs).toBe(40);
    expect(deriveRun(run([], { closedUs: 70 })).finishUs).toBe(70);
  });
});
