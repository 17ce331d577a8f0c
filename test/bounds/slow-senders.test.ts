import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/limits.js";
import { defaultTimeouts } from "../../src/server/timeouts.js";
import { type Lab, startLab } from "../server/support.js";
import { openWire } from "./wire.js";

/** A byte each 200 ms, against a time that is shorter than a server's; no other one may end it. */
const BYTE_MS = 200;
const TIMEOUT_MS = 1_000;

/** The start of a frame of 100 bytes. */
const FRAME = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(94)]);

describe.concurrent("one byte each 200 ms", () => {
  test.each([
    ["of a request line", "GET /healthz?".padEnd(200, "x"), /^$|408/],
    ["of a header", `${head("application/json")}x-slow: `, "408"],
    ["of the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", /^$/],
  ])("%s over HTTP/1.1 ends with the head's time", async (_, text, answer) => {
    await using lab = await startLab({ timeouts: { headersTimeoutMs: TIMEOUT_MS } });
    // What is sent at once is the start; the rest would come byte by byte.
    const { received, afterMs } = await dribble(lab, text.slice(0, -20), text.slice(-20));
    expect(received).toMatch(answer);
    expect(afterMs).toBeGreaterThan(TIMEOUT_MS / 2);
  });

  test.each([
    ["of a JSON body with its length", "application/json", "content-length: 100\r\n\r\n", "{}"],
    ["of a JSON body in chunks", "application/json", CHUNKED, "1\r\n{\r\n"],
    ["of a frame of a Connect stream", "application/connect+proto", FRAME_HEAD, "1\r\n\0\r\n"],
    ["of a frame of gRPC-Web", "application/grpc-web+proto", FRAME_HEAD, "1\r\n\0\r\n"],
  ])("%s ends with the frame's time", async (_, type, more, piece) => {
    await using lab = await startLab({ timeouts: { frameTimeoutMs: TIMEOUT_MS } });
    const { received, afterMs } = await dribble(lab, head(type) + more, piece, piece.length);
    expect(decodeURIComponent(received)).toContain("a frame did not arrive in time");
    expect(afterMs).toBeGreaterThan(TIMEOUT_MS);
    expect(lab.lines.find((line) => line["event"] === "request")).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "FRAME_LATE",
    });
  });

  test.each(["IngestRun", "UploadResults"])("of a gRPC message to %s ends it", async (method) => {
    await using lab = await startLab({ timeouts: { frameTimeoutMs: TIMEOUT_MS } });
    const session = connectHttp2(lab.server.url);
    const startedAt = performance.now();
    const stream = session.request(grpcHeaders(method));
    const sending = sendSlowly(FRAME, 1, (byte) => stream.write(byte));
    const answer = await new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on("response", resolve);
    });
    clearInterval(sending);
    session.destroy();
    expect(answer["grpc-status"]).toBe("4");
    expect(decodeURIComponent(String(answer["grpc-message"]))).toBe(
      "a frame did not arrive in time",
    );
    expect(performance.now() - startedAt).toBeGreaterThan(TIMEOUT_MS);
    expect(lab.lines.find((line) => line["event"] === "request")).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "FRAME_LATE",
    });
  });

  test("of HTTP/2 headers ends the connection, which cannot answer PINGs meanwhile", async () => {
    await using lab = await startLab({
      timeouts: { keepaliveTimeMs: TIMEOUT_MS, keepaliveTimeoutMs: TIMEOUT_MS / 2 },
    });
    using wire = await openWire(lab.server.address);
    const sending = sendSlowly(Buffer.from([0, 1, 0, 1, 4, 0, 0, 0, 1]), 1, (byte) =>
      wire.socket.write(byte),
    );
    await wire.closed;
    clearInterval(sending);
  });
});

test("a gRPC stream may be silent between frames for longer than a frame may take", async () => {
  await using lab = await startLab({
    timeouts: { frameTimeoutMs: 1_000, firstFrameTimeoutMs: 2_000 },
  });
  const session = connectHttp2(lab.server.url);
  const stream = session.request(grpcHeaders("UploadResults"));
  const batch = Buffer.from([0, 0, 0, 0, 4, 0x12, 2, 8, 1]);
  stream.write(batch);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  stream.end(batch);
  const status = await new Promise((resolve) => {
    stream.on("trailers", (headers) => resolve(headers["grpc-status"]));
    stream.resume();
  });
  session.destroy();
  expect(status).toBe("0");
  expect(lab.committed).toEqual([1n, 1n]);
});

test("a running server has the times of the contract", () => {
  expect(defaultTimeouts).toMatchObject({
    headersTimeoutMs: limits.headersTimeoutMs,
    firstFrameTimeoutMs: limits.firstFrameTimeoutMs,
    frameTimeoutMs: limits.frameTimeoutMs,
  });
});

const CHUNKED = "transfer-encoding: chunked\r\n\r\n";
/** In the first chunk, the head of a frame of 100 bytes. */
const FRAME_HEAD = `${CHUNKED}5\r\n\0\0\0\0d\r\n`;

function head(type: string): string {
  const method = type.startsWith("application/connect") ? "UploadResults" : "IngestRun";
  return [
    `POST /tally.v1.IngestService/${method} HTTP/1.1`,
    "host: localhost",
    "authorization: Bearer ingest",
    `content-type: ${type}`,
    "",
  ].join("\r\n");
}

function grpcHeaders(method: string) {
  return {
    ":method": "POST",
    ":path": `/tally.v1.IngestService/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    authorization: "Bearer ingest",
  };
}

/** Sends pieces in turns, over and over, until it is cleared. */
function sendSlowly(bytes: Buffer, pieceBytes: number, send: (piece: Buffer) => void) {
  let at = 0;
  return setInterval(() => {
    send(bytes.subarray(at, at + pieceBytes));
    at = (at + pieceBytes) % bytes.length;
  }, BYTE_MS);
}

/** Sends the start at once and the rest slowly, until the server answers or closes. */
function dribble(lab: Lab, start: string, rest: string, pieceBytes = 1) {
  const startedAt = performance.now();
  return new Promise<{ received: string; afterMs: number }>((resolve) => {
    const socket = connect(lab.server.address);
    socket.write(start, "latin1");
    const sending = sendSlowly(Buffer.from(rest, "latin1"), pieceBytes, (piece) =>
      socket.write(piece),
    );
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      clearInterval(sending);
      resolve({ received, afterMs: performance.now() - startedAt });
    });
  });
}
