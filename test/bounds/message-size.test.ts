import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UploadResultsRequestSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import type { TallyClient } from "../../src/client/index.js";
import { type HonestCaller, startHonestCaller } from "./honest-caller.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";

const MIB = 1024 * 1024;
const LARGE = Buffer.alloc(5 * MIB);
/** 1 GiB of zeros in 1 MiB: each member of a gzip file is unpacked after the other. */
const BOMB = Buffer.concat(new Array(64).fill(gzipSync(Buffer.alloc(16 * MIB))));

let server: ServerProcess;
let token: string;
let client: TallyClient;
let honest: HonestCaller;
beforeAll(async () => {
  server = await startServerProcess();
  token = await server.newToken();
  client = server.client(token);
  honest = startHonestCaller(server.client(await server.newToken()));
});
afterAll(async () => {
  await honest[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

describe.each(["gRPC", "Connect", "gRPC-Web"] as const)("over %s", (protocol) => {
  const cases: [string, Buffer, boolean][] = [
    ["of 5 MiB", frame(LARGE), false],
    ["that announces 3 GB", Buffer.from([0, 0xb2, 0xd0, 0x5e, 0]), false],
    ["that unpacks to 1 GiB", frame(BOMB, 1), true],
  ];
  test.each(cases)(
    "a frame %s is refused, and the frames before it stay",
    async (name, bytes, gzip) => {
      const runId = `${protocol} ${name}`;
      const body = Buffer.concat([openFrame(runId), batchFrame(1n), bytes]);
      await using memory = await server.watchMemory();
      const answer = await upload(protocol, body, gzip);
      expect(answer).toContain("larger than 4194304 bytes");
      const { run } = await client.stats.getRun({ runId });
      expect(run?.totals?.resultCount).toBe(1n);
      expect(memory.grownBytes()).toBeLessThan(150 * MIB);
    },
  );
});

describe.each(["application/json", "application/proto"])("a unary call of %s", (type) => {
  test.each([
    ["5 MiB", LARGE, undefined],
    ["what unpacks to 1 GiB", BOMB, "gzip"],
  ])("with %s is refused", async (_, body, encoding) => {
    await using memory = await server.watchMemory();
    const answers = Array.from({ length: 4 }, () =>
      fetch(`${server.url}/tally.v1.IngestService/IngestRun`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": type,
          ...(encoding === undefined ? {} : { "content-encoding": encoding }),
        },
        body,
      }),
    );
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(429);
      expect(await answer.text()).toContain("MESSAGE_TOO_LARGE");
    }
    expect(memory.grownBytes()).toBeLessThan(150 * MIB);
  });

  test("with a content-length of 3 GB is refused before the body", async () => {
    const head = `POST /tally.v1.IngestService/IngestRun HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: ${type}\r\ncontent-length: 3000000000\r\n\r\n`;
    expect(await firstAnswer(head)).toContain("MESSAGE_TOO_LARGE");
  });
});

test("a body in chunks of one byte costs about its size", async () => {
  const head = `POST /tally.v1.IngestService/IngestRun HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
  const bytes = 250_000;
  await using memory = await server.watchMemory();
  const answer = await firstAnswer(`${head}${"1\r\n{\r\n".repeat(bytes)}0\r\n\r\n`);
  expect(answer).toContain("400 Bad Request");
  // A list of the chunks costs 280 bytes for each byte.
  expect(memory.grownBytes()).toBeLessThan(100 * bytes);
});

test("honest callers went on", async () => {
  await honest.expectServed();
});

function frame(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function openFrame(runId: string): Buffer {
  const request = create(UploadResultsRequestSchema, {
    frame: { case: "open", value: { run: { runId } } },
  });
  return frame(toBinary(UploadResultsRequestSchema, request));
}

function batchFrame(sequence: bigint): Buffer {
  const results = [{ test: { name: "t" }, status: 1 }];
  const request = create(UploadResultsRequestSchema, {
    frame: { case: "batch", value: { sequence, results } },
  });
  return frame(toBinary(UploadResultsRequestSchema, request));
}

/** Sends the body to UploadResults; the answer's status, trailers and body as text. */
async function upload(
  protocol: "gRPC" | "Connect" | "gRPC-Web",
  body: Buffer,
  gzip: boolean,
): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  if (protocol === "gRPC") return uploadGrpc(body, { ...headers, "grpc-encoding": "gzip" });
  const [type, encoding] =
    protocol === "Connect"
      ? ["application/connect+proto", "connect-content-encoding"]
      : ["application/grpc-web+proto", "grpc-encoding"];
  const answer = await fetch(`${server.url}/tally.v1.IngestService/UploadResults`, {
    method: "POST",
    headers: { ...headers, "content-type": type, ...(gzip ? { [encoding]: "gzip" } : {}) },
    body,
  });
  return decodeURIComponent(JSON.stringify([...answer.headers]) + (await answer.text()));
}

function uploadGrpc(body: Buffer, headers: Record<string, string>): Promise<string> {
  const session = connectHttp2(server.url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/tally.v1.IngestService/UploadResults",
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.write(body);
  return new Promise((resolve) => {
    stream.on("response", ({ "grpc-status": status, "grpc-message": message }) => {
      session.destroy();
      resolve(decodeURIComponent(`${status} ${message}`));
    });
    stream.on("error", () => {});
  });
}

/** Sends text over a connection; what comes back before the server closes it or has answered. */
function firstAnswer(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server);
    socket.write(text);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      socket.destroy();
      resolve(chunk.toString());
    });
    socket.on("close", () => resolve(""));
  });
}
