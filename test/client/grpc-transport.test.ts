import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import type { PublishResultsRequest } from "../../gen/tally/v1/ingest_service_pb.js";
import {
  createTallyClient,
  errorMetadata,
  errorReason,
  fieldViolations,
  isUnreachable,
  retryAfterMs,
} from "../../src/client/index.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { startBareServer } from "./bare-server.js";

function connect(
  url: string,
  options: { token?: string; defaultTimeoutMs?: number; maxRetries?: number } = {},
) {
  const client = createTallyClient({ url, ...options });
  return { ...client, [Symbol.dispose]: () => client.close() };
}

describe("unary calls", () => {
  it("carry the token and headers there, and headers and trailers back", async () => {
    await using server = await startBareServer({
      ingestRun(call, callback) {
        const header = new Metadata();
        header.set("x-seen", String(call.metadata.get("authorization")[0]));
        header.set("x-custom-bin", call.metadata.get("x-custom-bin")[0] ?? "");
        call.sendMetadata(header);
        const trailer = new Metadata();
        trailer.set("x-trailer", "t");
        callback(null, { runId: call.request.run?.runId ?? "" }, trailer);
      },
    });
    using client = connect(server.url, { token: "secret" });
    let header = new Headers();
    let trailer = new Headers();
    const answer = await client.ingest.ingestRun(
      { run: { runId: "r1" } },
      {
        headers: { "x-custom-bin": "AAEC" },
        onHeader: (headers) => {
          header = headers;
        },
        onTrailer: (headers) => {
          trailer = headers;
        },
      },
    );
    expect(answer.runId).toBe("r1");
    expect(header.get("x-seen")).toBe("Bearer secret");
    expect(header.get("x-custom-bin")).toBe("AAEC");
    expect(trailer.get("x-trailer")).toBe("t");
  });

  it("pass interceptors, which see the token and may add headers", async () => {
    await using server = await startBareServer({
      ingestRun(call, callback) {
        const [token, added] = ["authorization", "x-added"].map((key) => call.metadata.get(key)[0]);
        callback(null, { runId: `${token} ${added} ${call.request.run?.runId}` });
      },
    });
    const seen: (string | null)[] = [];
    const interceptor: Interceptor = (next) => (request) => {
      seen.push(request.header.get("authorization"));
      request.header.set("x-added", "a");
      return next(request);
    };
    const client = createTallyClient({
      url: server.url,
      token: "secret",
      interceptors: [interceptor],
    });
    const answer = await client.ingest.ingestRun({ run: { runId: "r" } });
    client.close();
    expect(answer.runId).toBe("Bearer secret a r");
    expect(seen).toEqual(["Bearer secret"]);
  });

  it("fail with the code, the message and the details", async () => {
    await using server = await startBareServer({
      ingestRun(_, callback) {
        const details = [
          anyPack(
            ErrorInfoSchema,
            create(ErrorInfoSchema, { reason: "FULL", metadata: { id: "7" } }),
          ),
          anyPack(
            BadRequestSchema,
            create(BadRequestSchema, {
              fieldViolations: [{ field: "run.run_id", description: "is bad" }],
            }),
          ),
          anyPack(
            RetryInfoSchema,
            create(RetryInfoSchema, { retryDelay: { seconds: 1n, nanos: 500_000_000 } }),
          ),
        ];
        const metadata = new Metadata();
        const bytes = toBinary(StatusSchema, create(StatusSchema, { code: 8, details }));
        metadata.set("grpc-status-details-bin", Buffer.from(bytes));
        metadata.set("x-request-id", "q");
        callback({ code: status.RESOURCE_EXHAUSTED, details: "too müch", metadata });
      },
    });
    using client = connect(server.url);
    const error = await client.ingest.ingestRun({}).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: "too müch" });
    expect(errorReason(error)).toBe("FULL");
    expect(errorMetadata(error)).toEqual({ id: "7" });
    expect(fieldViolations(error)).toEqual([{ field: "run.run_id", description: "is bad" }]);
    expect(retryAfterMs(error)).toBe(1500);
    expect(isUnreachable(error)).toBe(false);
    expect((error as ConnectError).metadata.get("x-request-id")).toBe("q");
  });

  it("end at the deadline and at the caller's signal, and the server learns of it", async () => {
    let begun = 0;
    const cancelled: boolean[] = [];
    await using server = await startBareServer({
      ingestRun(call) {
        begun++;
        call.on("cancelled", () => cancelled.push(true));
      },
    });
    // Time enough to begin the call in.
    using client = connect(server.url, { defaultTimeoutMs: 3_000 });
    await expect(client.ingest.ingestRun({})).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
    const controller = new AbortController();
    const call = client.ingest.ingestRun({}, { signal: controller.signal, timeoutMs: 20_000 });
    const ended = expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await expect.poll(() => begun).toBe(2);
    controller.abort();
    await ended;
    await expect.poll(() => cancelled.length).toBe(2);
  });

  it("say that no server answered", async () => {
    const gone = await startBareServer({});
    await gone[Symbol.asyncDispose]();
    using client = connect(gone.url);
    const error = await client.ingest.ingestRun({}).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(isUnreachable(error)).toBe(true);
  });

  it.each(["", "127.0.0.1:80", "ftp://host", "http://host/path"])(
    "refuse the address %j",
    (url) => {
      expect(() => createTallyClient({ url })).toThrow("expected http://host:port");
    },
  );
});

describe("streams", () => {
  /** Requests without an end, until nobody takes them any more. */
  const endless = () => {
    const source = {
      closed: false,
      async *batches() {
        try {
          for (let i = 0n; ; i++) {
            yield batch(i);
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        } finally {
          source.closed = true;
        }
      },
    };
    return source;
  };
  const batch = (sequence: bigint, bytes = 0) => ({
    frame: {
      case: "batch" as const,
      value: { sequence, results: [{ stdout: "x".repeat(bytes) }] },
    },
  });

  it("pass messages both ways while both sides are open", async () => {
    await using server = await startBareServer({
      publish(call) {
        call.on("data", (request: PublishResultsRequest) => {
          if (request.frame.case === "batch")
            call.write({ committedSequence: request.frame.value.sequence });
        });
        call.on("end", () => call.end());
      },
    });
    using client = connect(server.url);
    let release = (_: bigint) => {};
    let answered = new Promise<bigint>((resolve) => {
      release = resolve;
    });
    async function* requests() {
      for (let sequence = 0n; sequence < 3n; sequence++) {
        yield batch(sequence);
        // The next request waits for the answer to this one.
        expect(await answered).toBe(sequence);
        answered = new Promise<bigint>((resolve) => {
          release = resolve;
        });
      }
    }
    const seen: unknown[] = [];
    for await (const { committedSequence = -1n } of client.ingest.publishResults(requests())) {
      seen.push(committedSequence);
      release(committedSequence);
    }
    expect(seen).toEqual([0n, 1n, 2n]);
  });

  it.each([
    ["deliver the answers before an error, and then the error", false, [1n, 2n]],
    // grpc-js lets go of answers that nobody has asked for when the call fails.
    ["deliver the error to whoever reads after it", true, []],
  ])("%s", async (_, isLate, expected) => {
    await using server = await startBareServer({
      publish(call) {
        call.write({ committedSequence: 1n });
        call.write({ committedSequence: 2n });
        call.emit("error", { code: status.FAILED_PRECONDITION, details: "expired" });
      },
    });
    using client = connect(server.url);
    const source = endless();
    const answers = client.ingest.publishResults(source.batches());
    // The source of requests is closed when the call has failed here.
    if (isLate) await expect.poll(() => source.closed).toBe(true);
    const seen: unknown[] = [];
    const read = async () => {
      for await (const { committedSequence } of answers) seen.push(committedSequence);
    };
    await expect(read()).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: "expired",
    });
    expect(seen).toEqual(expected);
  });

  it("end the call and the source of requests when the consumer breaks out", async () => {
    let cancelled = false;
    await using server = await startBareServer({
      publish(call) {
        call.on("cancelled", () => {
          cancelled = true;
        });
        call.on("data", () => call.write({ committedSequence: 0n }));
      },
    });
    using client = connect(server.url);
    const source = endless();
    for await (const _ of client.ingest.publishResults(source.batches())) break;
    await expect.poll(() => cancelled && source.closed).toBe(true);
  });

  it("fail with what the source of requests throws, and cancel the call", async () => {
    let cancelled = false;
    await using server = await startBareServer({
      publish(call) {
        call.on("cancelled", () => {
          cancelled = true;
        });
        call.on("data", () => call.write({ committedSequence: 0n }));
      },
    });
    using client = connect(server.url);
    let answered = () => {};
    const firstAnswer = new Promise<void>((resolve) => {
      answered = resolve;
    });
    async function* broken() {
      yield batch(0n);
      await firstAnswer;
      throw new Error("the disk is gone");
    }
    const read = async () => {
      for await (const _ of client.ingest.publishResults(broken())) answered();
    };
    await expect(read()).rejects.toThrow("the disk is gone");
    await expect.poll(() => cancelled).toBe(true);
  });

  it("stop asking for requests while the server does not read", async () => {
    await using server = await startBareServer({
      publish(call) {
        call.pause();
      },
    });
    using client = connect(server.url);
    let produced = 0;
    async function* endless() {
      for (let i = 0n; ; i++) {
        produced++;
        yield batch(i, 100_000);
      }
    }
    const controller = new AbortController();
    const answers = client.ingest.publishResults(endless(), { signal: controller.signal });
    const reading = (async () => {
      for await (const _ of answers);
    })().catch((e: unknown) => e);
    // 100 KB each: far less than a thousand fit into the windows and buffers on the way.
    const most = 100;
    let before = -1;
    while (produced !== before && produced < most) {
      before = produced;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(produced).toBeGreaterThan(0);
    expect(produced).toBeLessThan(most);
    controller.abort();
    expect(await reading).toMatchObject({ code: Code.Canceled });
  });

  it.each(["fin", "rst"] as const)(
    "end with UNAVAILABLE when the connection is cut by %s",
    async (how) => {
      await using server = await startBareServer({
        publish(call) {
          call.on("data", () => call.write({ committedSequence: 0n }));
        },
      });
      await using proxy = await startTcpProxy({
        host: "127.0.0.1",
        port: Number(new URL(server.url).port),
      });
      using client = connect(proxy.through(server.url));
      async function* one() {
        yield batch(0n);
        await new Promise((resolve) => setTimeout(resolve, 5000).unref());
      }
      const read = async () => {
        for await (const _ of client.ingest.publishResults(one())) proxy.cut(how);
      };
      await expect(read()).rejects.toMatchObject({ code: Code.Unavailable });
    },
  );
});
