import { connect } from "node:http2";
import net from "node:net";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  IngestRunRequestSchema,
  IngestService,
  UploadProgressSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import {
  batch,
  callGrpcBytes,
  callUnary,
  connectClient,
  grpcClient,
  openPublish,
  openUpload,
  pathOf,
  protocols,
  raw,
  startLab,
  until,
} from "./support.js";

const { ingestRun, uploadResults } = IngestService.method;
const auth = { authorization: "Bearer ingest" };

describe("a bidirectional call ends with its status", () => {
  const cases: [string, bigint, string][] = [
    ["on the normal end", 1n, "OK"],
    ["on break", 100n, "OK"],
    ["on throw", 200n, "NOT_FOUND"],
    ["on a bug", 300n, "INTERNAL"],
  ];
  for (const [name, sequence, code] of cases) {
    test(name, async () => {
      await using lab = await startLab();
      using client = grpcClient(lab);
      const stream = openPublish(client);
      stream.send({ frame: { case: "open", value: { run: { runId: "r" } } } });
      stream.send(batch(sequence));
      if (sequence === 1n) stream.finish();
      const outcome = await stream.outcome;
      expect(outcome.code).toBe(code);
      expect(stream.answers[0]?.runId).toBe("r");
      expect(stream.answers[1]?.committedSequence).toBe(sequence);
      expect(lab.committed).toEqual([sequence]);
    });
  }

  test("acknowledgements come while the client sends", async () => {
    await using lab = await startLab();
    using client = grpcClient(lab);
    const stream = openPublish(client);
    for (let sequence = 1n; sequence <= 3n; sequence += 1n) {
      stream.send(batch(sequence));
      await until(() => stream.answers.length === Number(sequence));
    }
    stream.finish();
    expect((await stream.outcome).code).toBe("OK");
  });

  test("a client that does not read makes the handler wait", async () => {
    await using lab = await startLab();
    using client = grpcClient(lab);
    const stream = openPublish(client);
    stream.call.pause();
    const frames = 400;
    const runId = "x".repeat(64 * 1024);
    for (let i = 0; i < frames; i += 1) {
      stream.send({ frame: { case: "open", value: { run: { runId } } } });
      stream.send(batch(BigInt(1000 + i)));
    }
    stream.finish();
    let before = -1;
    while (lab.committed.length !== before) {
      before = lab.committed.length;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(lab.committed.length).toBeLessThan(frames / 2);
    stream.call.resume();
    expect((await stream.outcome).code).toBe("OK");
    expect(lab.committed).toHaveLength(frames);
  });
});

/** Uploads two batches and keeps the stream open, by either protocol. */
async function openTwo(lab: Awaited<ReturnType<typeof startLab>>, protocol: "grpc" | "connect") {
  let outcome: Promise<{ code: string; reasons: string[]; committed: bigint | undefined }>;
  let release = () => {};
  if (protocol === "grpc") {
    const client = grpcClient(lab);
    const upload = openUpload(client);
    upload.send(batch(1n));
    upload.send(batch(2n));
    outcome = upload.outcome.then(({ code, details }) => {
      client.close();
      const find = (name: string) => details.find((d) => JSON.stringify(d).includes(name));
      const progress = find("UploadProgress") as { committedSequence?: string } | undefined;
      const info = find("ErrorInfo") as { reason: string } | undefined;
      const reasons = [info?.reason ?? "", ...(find("RetryInfo") ? ["RetryInfo"] : [])];
      const committed = progress?.committedSequence;
      return { code, reasons, committed: committed === undefined ? undefined : BigInt(committed) };
    });
  } else {
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const frames = async function* () {
      yield batch(1n);
      yield batch(2n);
      await held;
    };
    outcome = connectClient(lab)
      .uploadResults(frames(), { headers: auth })
      .then(
        () => ({ code: "OK", reasons: [], committed: undefined }),
        (thrown) => {
          const error = ConnectError.from(thrown);
          const types = error.details.map((d) => ("type" in d ? d.type : ""));
          const texts = error.details.map((d) => ("debug" in d ? JSON.stringify(d.debug) : ""));
          const [progress] = error.findDetails(UploadProgressSchema);
          return {
            code: Code[error.code]?.toUpperCase() ?? "",
            reasons: [
              /"reason":"(\w+)"/.exec(texts.join())?.[1] ?? "",
              ...(types.includes("google.rpc.RetryInfo") ? ["RetryInfo"] : []),
            ],
            committed: progress?.committedSequence,
          };
        },
      );
  }
  await until(() => lab.committed.length === 2);
  return { outcome, release };
}

describe.each(["grpc", "connect"] as const)("a client stream over %s", (protocol) => {
  test("ends with progress when the server drains, and unary calls finish", async () => {
    const lab = await startLab();
    const { outcome, release } = await openTwo(lab, protocol);
    const unary = callUnary(lab, protocol === "grpc" ? "grpc" : "connect json", ingestRun, {
      run: { runId: "sleep" },
    });
    await until(() => lab.contexts.length === 2);
    const drained = lab.server.drain();
    expect(await outcome).toEqual({
      code: "UNAVAILABLE",
      reasons: ["DRAINING", "RetryInfo"],
      committed: 2n,
    });
    release();
    expect((await unary).code).toBe("OK");
    await drained;
    expect(lab.committed).toEqual([1n, 2n]);
    await expect(raw(lab, uploadHead)).rejects.toThrow("ECONNREFUSED");
  });

  test("ends with the token's error and with progress when the token ends", async () => {
    await using lab = await startLab();
    const { outcome, release } = await openTwo(lab, protocol);
    lab.endToken("t-ingest");
    expect(await outcome).toEqual({
      code: "UNAUTHENTICATED",
      reasons: ["TOKEN_REVOKED"],
      committed: 2n,
    });
    release();
  });

  test("ends when the first frame is late", async () => {
    await using lab = await startLab({ timeouts: { firstFrameTimeoutMs: 100 } });
    if (protocol === "grpc") {
      using client = grpcClient(lab);
      const upload = openUpload(client);
      const outcome = await upload.outcome;
      expect(outcome.code).toBe("DEADLINE_EXCEEDED");
      expect(outcome.details[0]).toMatchObject({ reason: "FRAME_LATE" });
    } else {
      const text = await raw(lab, uploadHead);
      expect(text).toContain("FRAME_LATE");
    }
  });

  test("keeps what came before a frame that does not decode", async () => {
    await using lab = await startLab();
    if (protocol === "grpc") {
      using client = grpcClient(lab);
      const upload = openUpload(client);
      upload.send(batch(1n));
      upload.call.write(Buffer.from([0xff, 0xff]));
      const outcome = await upload.outcome;
      expect(outcome.code).toBe("INVALID_ARGUMENT");
      expect(outcome.details.at(-1)).toMatchObject({ committedSequence: "1" });
    } else {
      const frame = (bytes: Uint8Array) => {
        const head = Buffer.alloc(5);
        head.writeUInt32BE(bytes.length, 1);
        return Buffer.concat([head, bytes]);
      };
      const response = await fetch(lab.server.url + pathOf(uploadResults), {
        method: "POST",
        headers: { ...auth, "content-type": "application/connect+json" },
        body: Buffer.concat([
          frame(Buffer.from('{"batch":{"sequence":"1"}}')),
          frame(Buffer.from('{"batch":{"sequence":"x"}}')),
        ]),
      });
      const text = await response.text();
      expect(text).toContain("invalid_argument");
      expect(text).toContain("batch.sequence");
      expect(text).toContain('"committedSequence":"1"');
    }
    expect(lab.committed).toEqual([1n]);
  });
});

describe("a client stream over HTTP/1.1", () => {
  test("ends when a frame does not arrive in its time", async () => {
    await using lab = await startLab({ timeouts: { frameTimeoutMs: 100 } });
    const text = await raw(lab, `${uploadHead}3\r\n\0\0\0\r\n`);
    expect(text).toContain("a frame did not arrive in time");
  });

  test("ends when nothing is sent for too long", async () => {
    await using lab = await startLab({ timeouts: { http1SilenceTimeoutMs: 100 } });
    expect(await raw(lab, `${uploadHead}5\r\n\0\0\0\0\0\r\n`)).toContain("too long");
  });

  test("refuses a body that ends in the middle of a frame", async () => {
    await using lab = await startLab();
    const text = await raw(lab, `${uploadHead}3\r\n\0\0\0\r\n0\r\n\r\n`);
    expect(text).toContain("in the middle of a frame");
  });
});

const uploadHead = [
  `POST ${pathOf(uploadResults)} HTTP/1.1`,
  "host: localhost",
  "authorization: Bearer ingest",
  "content-type: application/connect+proto",
  "transfer-encoding: chunked",
  "\r\n",
].join("\r\n");

test("a stream that ended before its token was verified is served", async () => {
  await using lab = await startLab({ timeouts: { firstFrameTimeoutMs: 500 } });
  using client = grpcClient(lab);
  const upload = openUpload(client, { authorization: "Bearer slow-ingest" });
  upload.finish();
  expect((await upload.outcome).code).toBe("OK");
});

describe("a client that goes away", () => {
  test("ends the stream's iteration normally by a cancel", async () => {
    await using lab = await startLab();
    using client = grpcClient(lab);
    const upload = openUpload(client);
    upload.send(batch(1n));
    await until(() => lab.committed.length === 1);
    upload.call.cancel();
    await until(() => lab.lines.some((line) => line["event"] === "request"));
    expect(lab.lines.some((line) => line["event"] === "call_failed")).toBe(false);
  });

  test.each(["grpc", "connect"])("aborts the signal when its %s connection is lost", async (by) => {
    await using lab = await startLab();
    const lost = by === "grpc" ? connect(lab.server.url) : undefined;
    const socket = by === "grpc" ? undefined : net.connect(lab.server.address);
    lost?.request(grpcHeaders({}, "UploadResults"));
    socket?.write(uploadHead);
    await until(() => lab.contexts.length === 1);
    const signal = lab.contexts[0]?.signal;
    lost?.destroy();
    socket?.destroy();
    await until(() => signal?.aborted === true);
    await until(() => lab.lines.some((line) => line["event"] === "request"));
    expect(lab.lines.find((line) => line["event"] === "request")).toMatchObject({
      code: "CANCELLED",
    });
    expect(lab.lines.some((line) => line["event"] === "call_failed")).toBe(false);
  });

  test("aborts a unary handler on HTTP/1.1", async () => {
    await using lab = await startLab();
    const gone = new AbortController();
    const call = connectClient(lab).ingestRun(
      { run: { runId: "wait" } },
      { headers: auth, signal: gone.signal },
    );
    call.catch(() => {});
    await until(() => lab.contexts.length === 1);
    gone.abort();
    await until(() => lab.lines.some((line) => line["code"] === "CANCELLED"));
  });
});

describe("deadlines", () => {
  test("the caller's ends the call and aborts the handler", async () => {
    await using lab = await startLab();
    using client = grpcClient(lab);
    const bytes = Buffer.from(
      toBinary(IngestRunRequestSchema, create(IngestRunRequestSchema, { run: { runId: "wait" } })),
    );
    // Time enough to connect in, and to begin the call.
    const grpc = callGrpcBytes(client, ingestRun, bytes, auth, 4_000);
    const response = await fetch(lab.server.url + pathOf(ingestRun), {
      method: "POST",
      headers: { ...auth, "content-type": "application/json", "connect-timeout-ms": "4000" },
      body: '{"run":{"runId":"wait"}}',
    });
    expect(response.status).toBe(504);
    expect((await grpc).code).toBe("DEADLINE_EXCEEDED");
    expect(lab.contexts).toHaveLength(2);
    await until(() => lab.contexts.every(({ signal }) => signal.aborted));
  });

  test("one beyond the server's limit is clamped, not refused", async () => {
    await using lab = await startLab({ timeouts: { unaryTimeoutMs: 4_000 } });
    const headers = { ...auth, "connect-timeout-ms": "9999999999" };
    const call = (runId: string) =>
      Promise.all(
        protocols.map((each) => callUnary(lab, each, ingestRun, { run: { runId } }, headers)),
      );
    const [quick, late] = await Promise.all([call("r"), call("wait")]);
    for (const { code } of quick) expect(code).toBe("OK");
    for (const { code, details } of late) {
      expect(code).toBe("DEADLINE_EXCEEDED");
      expect(details[0]).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    }
  });
});

describe("bounds", () => {
  test("a message over 4 MiB is RESOURCE_EXHAUSTED, gzipped too", async () => {
    await using lab = await startLab();
    using client = grpcClient(lab);
    const big = Buffer.alloc(4 * 1024 * 1024 + 1);
    const overGrpc = await callGrpcBytes(client, ingestRun, big);
    expect(overGrpc).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      details: [{ reason: "MESSAGE_TOO_LARGE" }],
    });
    const post = (body: Buffer, headers: Record<string, string>) =>
      fetch(lab.server.url + pathOf(ingestRun), {
        method: "POST",
        headers: { ...auth, "content-type": "application/proto", ...headers },
        body,
      });
    expect((await post(big, {})).status).toBe(429);
    const bomb = await post(gzipSync(big), { "content-encoding": "gzip" });
    expect(bomb.status).toBe(429);
    expect(await bomb.text()).toContain("MESSAGE_TOO_LARGE");
    const broken = await post(Buffer.from("no gzip"), { "content-encoding": "gzip" });
    expect(broken.status).toBe(400);
    const brotli = await post(Buffer.from("x"), { "content-encoding": "br" });
    expect(brotli.status).toBe(501);
    expect(lab.contexts).toHaveLength(0);
  });

  test("a gzipped message over gRPC that is larger than the limit is refused", async () => {
    await using lab = await startLab();
    const session = connect(lab.server.url);
    const packed = gzipSync(Buffer.alloc(5 * 1024 * 1024));
    const head = Buffer.alloc(5);
    head.writeUInt8(1);
    head.writeUInt32BE(packed.length, 1);
    const stream = session.request(grpcHeaders({ "grpc-encoding": "gzip" }));
    const status = new Promise((resolve) => {
      stream.on("response", (headers) => resolve(headers["grpc-status"]));
    });
    stream.end(Buffer.concat([head, packed]));
    expect(await status).toBe("8");
    session.destroy();
  });

  test("a connection carries 100 streams, and a token 1,000", async () => {
    await using lab = await startLab();
    const sessions = Array.from({ length: 10 }, () => connect(lab.server.url));
    for (const session of sessions) {
      for (let i = 0; i < 100; i += 1) session.request(grpcHeaders({}, "PublishResults"));
    }
    await until(() => lab.contexts.length === 1000);
    expect(sessions[0]?.remoteSettings.maxConcurrentStreams).toBe(100);
    using client = grpcClient(lab);
    const refused = await openUpload(client).outcome;
    expect(refused.code).toBe("RESOURCE_EXHAUSTED");
    expect(refused.details[0]).toMatchObject({ reason: "TOO_MANY_STREAMS" });
    expect(refused.pushbackMs).toBe("1000");
    for (const session of sessions) session.destroy();
    await until(() => lab.lines.filter((line) => line["code"] === "CANCELLED").length === 1000);
    const again = openUpload(client);
    again.finish();
    expect((await again.outcome).code).toBe("OK");
  });

  test("a connection that holds a refused stream open is destroyed", async () => {
    await using lab = await startLab({ timeouts: { refusedStreamTimeoutMs: 200 } });
    const session = connect(lab.server.url);
    const closed = new Promise<void>((resolve) => session.on("close", resolve));
    session.on("error", () => {});
    const stream = session.request(grpcHeaders({ authorization: "Bearer wrong" }, "UploadResults"));
    stream.on("error", () => {});
    const status = new Promise((resolve) => {
      stream.on("response", (headers) => resolve(headers["grpc-status"]));
    });
    expect(await status).toBe("16");
    await closed;
  });

  test("a refused stream that the client resets leaves its connection alone", async () => {
    await using lab = await startLab({ timeouts: { refusedStreamTimeoutMs: 2_000 } });
    using client = grpcClient(lab);
    const refused = await openUpload(client, { authorization: "Bearer wrong" }).outcome;
    expect(refused.code).toBe("UNAUTHENTICATED");
    const stream = openPublish(client);
    stream.send(batch(1n));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    stream.finish();
    expect((await stream.outcome).code).toBe("OK");
  });
});

function grpcHeaders(more: Record<string, string>, method = "IngestRun") {
  return {
    ":method": "POST",
    ":path": `/tally.v1.IngestService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...auth,
    ...more,
  };
}
