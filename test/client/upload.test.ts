import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { Metadata, type ServerDuplexStream, status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import type { PublishResultsRequest } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionReason } from "../../gen/tally/v1/rejection_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { createTallyClient, type UploadOptions, uploadResults } from "../../src/client/index.js";
import { startBareServer } from "./bare-server.js";

type Call = ServerDuplexStream<PublishResultsRequest, Record<string, unknown>>;

/** Stores names of tests as a server does, and cuts the stream where `cut` says so. */
async function startStore(cut: (frame: PublishResultsRequest["frame"], stream: number) => boolean) {
  const stored = new Set<string>();
  let finishes = 0;
  let streams = 0;
  const server = await startBareServer({
    publish(raw) {
      const call = raw as unknown as Call;
      const stream = ++streams;
      let next: bigint | undefined;
      let over = false;
      let runId = "";
      call.on("data", ({ frame }: PublishResultsRequest) => {
        if (over) return;
        if (cut(frame, stream)) {
          over = true;
          const details = [anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: {} }))];
          const metadata = new Metadata();
          const bytes = toBinary(StatusSchema, create(StatusSchema, { code: 14, details }));
          metadata.set("grpc-status-details-bin", Buffer.from(bytes));
          call.emit("error", { code: status.UNAVAILABLE, details: "draining", metadata });
        } else if (frame.case === "open") {
          runId = frame.value.run?.runId ?? "";
          call.write({ runId, runDuplicate: stream > 1 });
        } else if (frame.case === "batch") {
          const { sequence, results } = frame.value;
          expect(next ?? sequence).toBe(sequence);
          next = sequence + 1n;
          const fresh = results.filter(({ test }) => !stored.has(test?.name ?? ""));
          for (const { test } of fresh) stored.add(test?.name ?? "");
          call.write({
            runId,
            committedSequence: sequence,
            acceptedCount: BigInt(fresh.length),
            duplicateCount: BigInt(results.length - fresh.length),
          });
        } else if (frame.case === "finish") {
          finishes++;
          call.write({ runId, finished: true });
          call.end();
        }
      });
    },
  });
  const client = createTallyClient({ url: server.url });
  return {
    stored,
    get finishes() {
      return finishes;
    },
    streams: () => streams,
    upload: (results: AsyncIterable<Named> | Iterable<Named>, options: UploadOptions = {}) =>
      uploadResults(client, { run: { runId: "r" } }, results, { random: () => 0, ...options }),
    async [Symbol.asyncDispose]() {
      client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

interface Named {
  test: { name: string };
  status: Status;
}

function* numbered(count: number): Generator<Named> {
  for (let i = 0; i < count; i++) yield { test: { name: `t${i}` }, status: Status.PASSED };
}

describe("uploadResults", () => {
  it("sends everything in batches and announces the number", async () => {
    await using store = await startStore(() => false);
    const progress: number[] = [];
    const summary = await store.upload(numbered(25), {
      batchResults: 10,
      onProgress: ({ acknowledgedCount }) => progress.push(acknowledgedCount),
    });
    expect(summary).toEqual({
      runId: "r",
      runDuplicate: false,
      runConflict: [],
      sentCount: 25,
      acceptedCount: 25,
      duplicateCount: 0,
      conflictCount: 0,
      rejectedCount: 0,
      rejections: [],
      rejectionsTruncated: false,
      otherProducers: [],
      resumedCount: 0,
    });
    expect(store.finishes).toBe(1);
    expect(progress.at(-1)).toBe(25);
  });

  it("keeps batches below their bytes", async () => {
    let largest = 0;
    await using store = await startStore((frame) => {
      if (frame.case === "batch") largest = Math.max(largest, frame.value.results.length);
      return false;
    });
    const large = [...numbered(20)].map((result) => ({ ...result, stdout: "x".repeat(1000) }));
    await store.upload(large, { batchBytes: 5000 });
    expect(store.stored.size).toBe(20);
    expect(largest).toBe(4);
  });

  it("keeps batches below a message, whatever it is asked for", async () => {
    await using store = await startStore(() => false);
    const large = [...numbered(100)].map((result) => ({ ...result, stdout: "x".repeat(60_000) }));
    await store.upload(large, { batchBytes: 64 * 1024 * 1024 });
    expect(store.stored.size).toBe(100);
  });

  it("names a result that is larger than a message, and leaves the part unfinished", async () => {
    await using store = await startStore(() => false);
    const tags = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [i, "x".repeat(250)]));
    const results = [...numbered(7)].map((result, i) => (i === 5 ? { ...result, tags } : result));
    await expect(store.upload(results, { batchResults: 2 })).rejects.toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: expect.stringMatching(/^results\[5\] has \d{7} bytes, of which a message takes/),
    });
    expect(store.finishes).toBe(0);
  });

  it("names a result that is none", async () => {
    await using store = await startStore(() => false);
    const [first] = numbered(1);
    const results = [first, null] as Named[];
    await expect(store.upload(results, {})).rejects.toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: "results[1] is no object",
    });
    expect(store.finishes).toBe(0);
  });

  it("sends again what was not acknowledged when the server cuts the stream", async () => {
    await using store = await startStore(
      (frame, stream) =>
        stream <= 3 && frame.case === "batch" && frame.value.sequence === BigInt(stream * 4),
    );
    const summary = await store.upload(numbered(200), { batchResults: 10 });
    expect(store.stored.size).toBe(200);
    expect(summary).toMatchObject({ sentCount: 200, resumedCount: 3 });
    expect(summary.acceptedCount + summary.duplicateCount).toBe(200);
    expect(store.finishes).toBe(1);
  });

  it("counts a batch once that was being gathered when the stream was cut", async () => {
    await using store = await startStore((frame, stream) => stream === 1 && frame.case === "batch");
    async function* slow() {
      yield* [...numbered(10)].slice(0, 5);
      // By now the first stream is gone and the second one waits for the same batch.
      await new Promise((resolve) => setTimeout(resolve, 500));
      yield* [...numbered(10)].slice(5);
    }
    expect(await store.upload(slow(), { batchResults: 5 })).toMatchObject({
      sentCount: 10,
      acceptedCount: 10,
      duplicateCount: 0,
      resumedCount: 1,
    });
    expect(store.finishes).toBe(1);
  });

  it("finishes when the stream is cut at its very end", async () => {
    await using store = await startStore(
      (frame, stream) => stream === 1 && frame.case === "finish",
    );
    expect(await store.upload(numbered(5))).toMatchObject({ acceptedCount: 5, resumedCount: 1 });
    expect(store.finishes).toBe(1);
  });

  it("gives up after five cuts without an acknowledgement", async () => {
    await using store = await startStore((frame) => frame.case === "batch");
    await expect(store.upload(numbered(5))).rejects.toMatchObject({ code: Code.Unavailable });
    expect(store.streams()).toBe(6);
  });

  it("throws what the source throws", async () => {
    await using store = await startStore(() => false);
    async function* broken() {
      yield* numbered(3);
      throw new RangeError("bad disk");
    }
    await expect(store.upload(broken())).rejects.toThrow(RangeError);
    expect(store.finishes).toBe(0);
  });

  it("counts refusals over the whole upload", async () => {
    await using server = await startBareServer({
      publish(raw) {
        const call = raw as unknown as Call;
        let seen = 0n;
        call.on("data", ({ frame }: PublishResultsRequest) => {
          if (frame.case === "batch") {
            const rejections = [
              { index: seen, reason: RejectionReason.INVALID, rejectionId: `x${seen}` },
            ];
            seen += BigInt(frame.value.results.length);
            call.write({ committedSequence: frame.value.sequence, rejectedCount: 1n, rejections });
          } else if (frame.case === "finish") {
            call.write({ finished: true });
            call.end();
          }
        });
      },
    });
    const client = createTallyClient({ url: server.url });
    const summary = await uploadResults(client, { run: { runId: "r" } }, numbered(7), {
      batchResults: 3,
    });
    client.close();
    expect(summary.rejectedCount).toBe(3);
    expect(summary.rejections.map(({ index }) => index)).toEqual([0n, 3n, 6n]);
  });
});
