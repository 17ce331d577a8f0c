import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type PublishResultsRequestSchema,
  type PublishResultsResponse,
  UploadProgressSchema,
} from "../../../gen/tally/v1/ingest_service_pb.js";
import { RejectionKind } from "../../../gen/tally/v1/rejection_pb.js";
import { RunState, Status } from "../../../gen/tally/v1/run_pb.js";
import { errorReason, fieldViolations } from "../../../src/client/index.js";
import { failure } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";

/** As both streams take it. */
interface Frame {
  frame: NonNullable<MessageInitShape<typeof PublishResultsRequestSchema>["frame"]>;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const open = (runId: string, part = {}): Frame => ({
  frame: { case: "open", value: { run: { runId }, part } },
});
const batch = (sequence: number, names: string[], status = Status.PASSED): Frame => ({
  frame: {
    case: "batch",
    value: {
      sequence: BigInt(sequence),
      results: names.map((name) => ({ test: { suite: "s", name }, status })),
    },
  },
});
const finish = (value = {}): Frame => ({ frame: { case: "finish", value } });

async function* frames(...list: Frame[]): AsyncGenerator<Frame> {
  yield* list;
}

/** All acknowledgements of a stream, and the error with which it ended. */
async function publish(list: AsyncIterable<Frame>, token = server.allToken) {
  const acks: PublishResultsResponse[] = [];
  const read = async () => {
    for await (const ack of server.client(token).ingest.publishResults(list)) acks.push(ack);
  };
  const error = await read().then(
    () => null,
    (cause: unknown) => cause as ConnectError,
  );
  return { acks, error };
}
const progressOf = (error: ConnectError | null) =>
  error?.findDetails(UploadProgressSchema)[0]?.committedSequence;
const stateOf = async (runId: string) => {
  const { run, parts } = await server.client(server.allToken).stats.getRun({ runId });
  return { state: RunState[run?.state ?? 0], count: run?.totals?.resultCount, parts };
};

describe("PublishResults", () => {
  it("answers open, acknowledges each batch in order, and finishes the part", async () => {
    const { acks, error } = await publish(
      frames(open("acks"), batch(7, ["a", "b"]), batch(8, ["c"]), finish()),
    );
    expect(error).toBeNull();
    const seen = acks.map((ack) => [ack.committedSequence, ack.acceptedCount, ack.finished]);
    expect(seen).toEqual([
      [undefined, 0n, false],
      [7n, 2n, false],
      [8n, 1n, false],
      [8n, 0n, true],
    ]);
    expect(await stateOf("acks")).toMatchObject({ state: "FINISHED", count: 3n });
  });

  it("counts a resumed stream once", async () => {
    const first = await publish(frames(open("resumed"), batch(0, ["a", "b"])));
    expect(first.acks.some(({ finished }) => finished)).toBe(false);
    expect((await stateOf("resumed")).state).toBe("RUNNING");
    const { acks } = await publish(
      frames(open("resumed"), batch(0, ["a", "b"]), batch(1, ["c"]), finish()),
    );
    expect(acks.map((ack) => [ack.acceptedCount, ack.duplicateCount])).toEqual([
      [0n, 0n],
      [0n, 2n],
      [1n, 0n],
      [0n, 0n],
    ]);
    expect(await stateOf("resumed")).toMatchObject({ state: "FINISHED", count: 3n });
  });

  it("commits and acknowledges what came before a gap, and says how far it came", async () => {
    const { acks, error } = await publish(frames(open("gap"), batch(1, ["a"]), batch(3, ["b"])));
    expect(acks.map((ack) => ack.committedSequence)).toEqual([undefined, 1n]);
    expect(error?.code).toBe(Code.InvalidArgument);
    expect(error && errorReason(error)).toBe("SEQUENCE_GAP");
    expect(progressOf(error)).toBe(1n);
    expect((await stateOf("gap")).count).toBe(1n);
  });

  it.each<[string, string, Frame[]]>([
    ["a batch before open", "batch", [batch(0, ["a"])]],
    ["a second open", "open", [open("twice"), open("twice")]],
    ["an empty frame", "frame", [open("empty frame"), { frame: { case: undefined } }]],
    ["a negative sequence", "batch.sequence", [open("negative"), batch(-1, ["a"])]],
    [
      "a bad finish",
      "finish.expected_result_count",
      [open("bad finish"), finish({ expectedResultCount: -1n })],
    ],
    [
      "a status in open",
      "open.run.status",
      [{ frame: { case: "open", value: { run: { runId: "s", status: Status.PASSED } } } }],
    ],
  ])("refuses %s at %s", async (_, field, list) => {
    const { error } = await publish(frames(...list));
    expect(error?.code).toBe(Code.InvalidArgument);
    expect(error && fieldViolations(error).map((violation) => violation.field)).toEqual([field]);
  });

  it.each([
    ["result", batch(1, ["b"])],
    ["refusal", batch(1, [""])],
    ["finish", finish({})],
  ])("takes no %s once its project is deleted, of an admin either", async (_, frame) => {
    await using unpurged = await startTestServer({
      databaseUrl: server.databaseUrl,
      withoutJobs: true,
    });
    const { ingest, tenancy } = unpurged.client();
    const { projectId } = unpurged;
    async function* outlived(): AsyncGenerator<Frame> {
      yield { frame: { case: "open", value: { projectId, run: { runId: "outlived" } } } };
      yield batch(0, ["a"]);
      await vi.waitFor(() => expect(sequences).toContain(0n));
      await tenancy.deleteProject({ projectId });
      yield frame;
    }
    const sequences: (bigint | undefined)[] = [];
    const read = async () => {
      for await (const { committedSequence } of ingest.publishResults(outlived())) {
        sequences.push(committedSequence);
      }
    };
    expect(errorReason(await failure(read()))).toBe("PROJECT_NOT_FOUND");
    expect(sequences).toEqual([undefined, 0n]);
  });

  it("keeps a run that it refuses to open", async () => {
    await publish(frames({ frame: { case: "open", value: { run: { runId: "" } } } }));
    const { rejections } = server.client(server.allToken);
    const filter = { kind: RejectionKind.RUN };
    const kept = (await rejections.listRejections({ filter })).rejections;
    expect(kept.some(({ fieldViolations: [first] }) => first?.field === "open.run.run_id")).toBe(
      true,
    );
  });

  it("leaves the part unfinished when the client cancels, times out or half-closes", async () => {
    const { ingest } = server.client(server.ingestToken);
    async function* slow() {
      yield open("cut", { job: "timed out" });
      yield batch(0, ["a"]);
      await new Promise((resolve) => setTimeout(resolve, 10_000).unref());
    }
    // Time enough to store the batch in.
    const timedOut = failure(ingest.uploadResults(slow(), { timeoutMs: 5_000 }));
    const controller = new AbortController();
    async function* cancelled() {
      yield open("cut", { job: "cancelled" });
      yield batch(0, ["a"]);
      await new Promise((resolve) => setTimeout(resolve, 10_000, undefined).unref());
    }
    const reading = (async () => {
      const options = { signal: controller.signal };
      for await (const ack of ingest.publishResults(cancelled(), options)) {
        if (ack.committedSequence === 0n) controller.abort();
      }
    })();
    expect((await failure(reading)).code).toBe(Code.Canceled);
    expect((await timedOut).code).toBe(Code.DeadlineExceeded);
    await publish(frames(open("cut", { job: "half-closed" }), batch(0, ["a"])));
    const { state, parts } = await stateOf("cut");
    expect(state).toBe("RUNNING");
    expect(parts.map(({ part, finishTime }) => [part?.job, finishTime])).toEqual([
      ["cancelled", undefined],
      ["half-closed", undefined],
      ["timed out", undefined],
    ]);
  });
});

describe("UploadResults", () => {
  it("answers one summary, with refusals by their index in the whole stream", async () => {
    const { ingest } = server.client(server.ingestToken);
    const summary = await ingest.uploadResults(
      frames(open("summary"), batch(0, ["a", "b"]), batch(1, ["", "a"]), finish()),
    );
    expect(summary).toMatchObject({
      runId: "summary",
      runDuplicate: false,
      acceptedCount: 2n,
      duplicateCount: 1n,
      rejectedCount: 1n,
      rejections: [{ index: 2n, fieldViolations: [{ field: "test.name" }] }],
      committedSequence: 1n,
    });
  });

  it.each<[string, Frame]>([
    ["batch", batch(1, ["late"])],
    ["finish", finish()],
  ])("refuses a %s after finish, and leaves the part unfinished", async (name, frame) => {
    const { ingest, stats } = server.client(server.allToken);
    const runId = `${name} after finish`;
    const list = frames(open(runId), batch(0, ["a"]), finish(), frame);
    const error = await failure(ingest.uploadResults(list));
    expect(errorReason(error)).toBe("FRAME_OUT_OF_PLACE");
    expect(fieldViolations(error)).toMatchObject([{ field: name }]);
    expect(progressOf(error)).toBe(0n);
    const { run } = await stats.getRun({ runId });
    expect(run).toMatchObject({ state: RunState.RUNNING, totals: { resultCount: 1n } });
  });

  it("takes 20 batches of one stream, whatever order they commit in", async () => {
    const { ingest } = server.client(server.ingestToken);
    const names = (from: number) => Array.from({ length: 500 }, (_, i) => `t${from + i}`);
    const list = Array.from({ length: 20 }, (_, i) => batch(i, names(i * 500)));
    const summary = await ingest.uploadResults(
      frames(open("many"), ...list, finish({ expectedResultCount: 10_000n })),
    );
    expect(summary).toMatchObject({ acceptedCount: 10_000n, committedSequence: 19n });
    expect(await stateOf("many")).toMatchObject({ state: "FINISHED", count: 10_000n });
  });
});

describe("the parts of a run", () => {
  it("do not collide, and make one run with the right state and status at each step", async () => {
    const { ingest, stats } = server.client(server.allToken);
    const look = async () => {
      const { run } = await stats.getRun({ runId: "matrix" });
      return [RunState[run?.state ?? 0], Status[run?.status ?? 0], run?.totals?.resultCount];
    };
    const send = (part: object, status: Status, end = true) =>
      ingest.uploadResults(
        frames(
          open("matrix", part),
          batch(0, ["same test"], status),
          ...(end ? [finish({ expectedResultCount: 1n })] : []),
        ),
      );
    await send({ job: "linux" }, Status.PASSED);
    expect(await look()).toEqual(["FINISHED", "PASSED", 1n]);
    await send({ job: "mac" }, Status.FAILED, false);
    expect(await look()).toEqual(["RUNNING", "FAILED", 2n]);
    await send({ job: "mac" }, Status.FAILED);
    expect(await look()).toEqual(["FINISHED", "FAILED", 2n]);
    for (const shardIndex of [1, 2, 3, 4]) {
      await send({ job: "e2e", shardIndex, shardTotal: 4 }, Status.PASSED);
      expect((await look())[0]).toBe(shardIndex === 4 ? "FINISHED" : "RUNNING");
    }
    expect(await look()).toEqual(["FINISHED", "FAILED", 6n]);
    await send({ job: "mac", attempt: 2 }, Status.PASSED);
    expect(await look()).toEqual(["FINISHED", "PASSED", 7n]);
  });

  it("hear of another shard total as a conflict", async () => {
    const { ingest } = server.client(server.ingestToken);
    const part = { job: "e2e", shardIndex: 1 };
    await ingest.uploadResults(frames(open("totals", { ...part, shardTotal: 4 })));
    const answer = await ingest.uploadResults(frames(open("totals", { ...part, shardTotal: 5 })));
    expect(answer.runConflict).toEqual(["part.shard_total"]);
  });
});
