import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RejectionKind, RejectionReason } from "../../../gen/tally/v1/rejection_pb.js";
import { ReplayOutcome } from "../../../gen/tally/v1/rejection_service_pb.js";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { errorMetadata, errorReason, fieldViolations } from "../../../src/client/index.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const at = (iso: string) => ({ seconds: BigInt(Date.parse(iso) / 1000), nanos: 0 });
const build = (runId: string) => ({
  runId,
  status: Status.PASSED,
  finishTime: at("2026-01-12T10:00:00Z"),
  duration: { seconds: 5n, nanos: 0 },
});
const result = (name: string, status = Status.PASSED) => ({ test: { suite: "s", name }, status });
describe("a run without results", () => {
  it("is complete in itself, and its repeat is a success", async () => {
    const { ingest, stats } = server.client(server.allToken);
    const first = await ingest.ingestRun({ run: build("build-123") });
    expect(first).toMatchObject({ runId: "build-123", runDuplicate: false, runConflict: [] });
    const second = await ingest.ingestRun({ run: build("build-123") });
    expect(second).toMatchObject({ runId: "build-123", runDuplicate: true, runConflict: [] });
    const { run, parts } = await stats.getRun({ runId: "build-123" });
    expect(run).toMatchObject({
      state: RunState.FINISHED,
      status: Status.PASSED,
      startTime: at("2026-01-12T09:59:55Z"),
      finishTime: at("2026-01-12T10:00:00Z"),
      duration: { seconds: 5n },
    });
    expect(parts).toHaveLength(1);
  });

  it("with other values is a conflict: the first stays, the copy is kept", async () => {
    const { ingest, stats, rejections } = server.client(server.allToken);
    const source = { branch: "main", commitSha: "abc" };
    await ingest.ingestRun({ run: { ...build("conflict"), source, labels: { os: "linux" } } });
    const answer = await ingest.ingestRun({
      run: {
        ...build("conflict"),
        status: Status.FAILED,
        source: { branch: "dev", treeSha: "t1" },
        labels: { os: "mac", arch: "arm" },
      },
    });
    expect(answer.runConflict).toEqual(["source.branch", 'labels["os"]', "status"]);
    const { run } = await stats.getRun({ runId: "conflict" });
    expect(run).toMatchObject({
      status: Status.PASSED,
      source: { branch: "main", commitSha: "abc", treeSha: "t1" },
      labels: { os: "linux", arch: "arm" },
    });
    const kept = await rejections.listRejections({ filter: { runId: "conflict" } });
    expect(kept.rejections).toMatchObject([
      {
        kind: RejectionKind.RUN,
        reason: RejectionReason.CONFLICT,
        fieldViolations: [
          { field: "run.source.branch" },
          { field: 'run.labels["os"]' },
          { field: "run.status" },
        ],
      },
    ]);
  });

  it("of the same id in another project is a new run", async () => {
    await using other = await startTestServer({ databaseUrl: server.databaseUrl });
    const mine = await server.client(server.ingestToken).ingest.ingestRun({ run: build("shared") });
    const theirs = await other.client(other.ingestToken).ingest.ingestRun({ run: build("shared") });
    expect([mine.runDuplicate, theirs.runDuplicate]).toEqual([false, false]);
  });

  it.each([
    ["run", {}],
    ["run.run_id", { run: { status: Status.PASSED } }],
    ["run.duration", { run: { ...build("bad"), duration: { seconds: -5n, nanos: 0 } } }],
    ["part.shard_index", { run: build("bad"), part: { shardIndex: 3, shardTotal: 2 } }],
    ["expected_result_count", { run: { runId: "bad" }, expectedResultCount: 3n }],
  ])("that is bad at %s is refused whole, and kept", async (field, request) => {
    const { ingest, stats, rejections } = server.client(server.allToken);
    const error = await failure(ingest.ingestRun({ ...request, results: [result("x")] }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(fieldViolations(error).map((violation) => violation.field)).toEqual([field]);
    const id = errorMetadata(error)["rejection_id"];
    const { rejections: open } = await rejections.listRejections({
      filter: { kind: RejectionKind.RUN, reason: RejectionReason.INVALID },
    });
    expect(open.map(({ rejectionId }) => rejectionId)).toContain(id);
    const missing = await failure(stats.getRun({ runId: "bad" }));
    expect(missing.code).toBe(Code.NotFound);
  });
});

describe("results", () => {
  it("are stored once, repeats flagged, conflicts and refusals kept", async () => {
    const { ingest, stats, rejections } = server.client(server.allToken);
    const run = { runId: "mixed" };
    const results = [result("a"), result("b"), { test: { name: "" }, status: Status.PASSED }];
    const first = await ingest.ingestRun({ run, results });
    expect(first).toMatchObject({ acceptedCount: 2n, duplicateCount: 0n, rejectedCount: 1n });
    expect(first.rejections).toMatchObject([
      { index: 2n, reason: RejectionReason.INVALID, fieldViolations: [{ field: "test.name" }] },
    ]);
    const second = await ingest.ingestRun({
      run,
      results: [result("a"), result("b", Status.FAILED), result("c"), result("c")],
    });
    expect(second).toMatchObject({
      runDuplicate: true,
      acceptedCount: 1n,
      duplicateCount: 2n,
      conflictCount: 1n,
      rejectedCount: 0n,
      rejections: [{ index: 1n, reason: RejectionReason.CONFLICT }],
    });
    const { run: stored } = await stats.getRun({ runId: "mixed" });
    expect(stored?.totals).toMatchObject({
      resultCount: 3n,
      passedCount: 3n,
      failedCount: 0n,
      duplicateCount: 2n,
      conflictCount: 1n,
      rejectedCount: 2n,
    });
    const { rejections: kept } = await rejections.listRejections({ filter: { runId: "mixed" } });
    expect(kept.map(({ item }) => item.case)).toEqual(["result", "result"]);
  });

  it("with a key that JavaScript loses are refused and kept, not stored without it", async () => {
    const { ingest, rejections } = server.client(server.allToken);
    const lost: Record<string, string> = JSON.parse('{"__proto__":"x","os":"linux"}');
    const run = { runId: "lost keys" };
    const tagged = { ...result("tagged"), tags: lost };
    const varied = { ...result("varied"), test: { suite: "s", name: "varied", variant: lost } };
    const answer = await ingest.ingestRun({ run, results: [tagged, result("plain"), varied] });
    expect(answer).toMatchObject({
      acceptedCount: 1n,
      rejections: [
        { index: 0n, fieldViolations: [{ field: "tags" }] },
        { index: 2n, fieldViolations: [{ field: "test.variant" }] },
      ],
    });
    const { rejections: kept } = await rejections.listRejections({ filter: run });
    expect(kept.map(({ item }) => item.case === "result" && item.value)).toMatchObject([
      { test: { variant: { os: "linux" } } },
      { tags: { os: "linux" } },
    ]);
    const entries = kept.map(({ rejectionId }) => ({ rejectionId }));
    const { results: again } = await rejections.replayRejections({ entries });
    expect(again.map(({ outcome }) => outcome)).toEqual([
      ReplayOutcome.REJECTED,
      ReplayOutcome.REJECTED,
    ]);
    const refused = await failure(ingest.ingestRun({ run: { runId: "lost label", labels: lost } }));
    expect(fieldViolations(refused)).toMatchObject([{ field: "run.labels" }]);
    expect(errorMetadata(refused)["rejection_id"]).toBeDefined();
  });

  it("keep their neighbours when the message holds too many", async () => {
    const { ingest } = server.client(server.ingestToken);
    const results = Array.from({ length: 5001 }, (_, i) => result(`t${i}`));
    const error = await failure(ingest.ingestRun({ run: { runId: "too many" }, results }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(fieldViolations(error)).toMatchObject([{ field: "results" }]);
  });

  it("finish the part with its announced count", async () => {
    const { ingest, stats } = server.client(server.allToken);
    const send = (count: bigint, results: ReturnType<typeof result>[]) =>
      ingest.ingestRun({ run: build("counted"), results, expectedResultCount: count });
    await send(3n, [result("a"), result("b")]);
    const short = await stats.getRun({ runId: "counted" });
    expect(short.run?.state).toBe(RunState.INCOMPLETE);
    expect(short.parts[0]).toMatchObject({ storedCount: 2n, missingCount: 1n });
    await send(3n, [result("c")]);
    const whole = await stats.getRun({ runId: "counted" });
    expect(whole.run).toMatchObject({ state: RunState.FINISHED, totals: { lateCount: 1n } });
  });
});

describe("DeleteRun", () => {
  it("removes the run at once, and its id stays taken", async () => {
    const all = server.client(server.allToken);
    await all.ingest.ingestRun({ run: { runId: "gone" }, results: [result("a")] });
    await all.ingest.deleteRun({ runId: "gone" });
    await all.ingest.deleteRun({ runId: "gone" });
    expect((await failure(all.stats.getRun({ runId: "gone" }))).code).toBe(Code.NotFound);
    const again = await failure(all.ingest.ingestRun({ run: { runId: "gone" } }));
    expect(again.code).toBe(Code.FailedPrecondition);
    expect(errorReason(again)).toBe("RUN_DELETED");
    expect((await failure(all.ingest.deleteRun({ runId: "never" }))).code).toBe(Code.NotFound);
  });
});

describe("FinishRun", () => {
  it("closes the run; its repeat is a success, other values a conflict", async () => {
    const { ingest, rejections } = server.client(server.allToken);
    await ingest.ingestRun({ run: { runId: "closing" }, results: [result("a", Status.FAILED)] });
    const finish = { runId: "closing", expectedResultCount: 1n };
    const first = await ingest.finishRun(finish);
    expect(first).toMatchObject({
      runDuplicate: false,
      run: { state: RunState.FINISHED, status: Status.FAILED },
    });
    expect(await ingest.finishRun(finish)).toMatchObject({ runDuplicate: true, runConflict: [] });
    const other = await ingest.finishRun({ ...finish, expectedResultCount: 9n });
    expect(other.runConflict).toEqual(["expected_result_count"]);
    expect(other.run?.state).toBe(RunState.FINISHED);
    const kept = await rejections.listRejections({ filter: { kind: RejectionKind.FINISH } });
    expect(kept.rejections.map(({ item }) => item.case)).toEqual(["finishRunRequest"]);
    const missing = await failure(ingest.finishRun({ runId: "unknown" }));
    expect(missing.code).toBe(Code.NotFound);
  });
});
