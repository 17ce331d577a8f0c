/** Unary calls by a client that costs next to nothing: h2load, of nghttp2. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { IngestRunRequestSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { createTallyClient } from "../../src/client/index.js";
import { type Figure, secondsOf } from "../figure.js";
import { measureSingleRows } from "../limits/single-rows.js";
import { result } from "../results.js";

const run = promisify(execFile);
const CONNECTIONS = 8;
const CALLS_PER_CONNECTION = 8;
const IN_FLIGHT = CONNECTIONS * CALLS_PER_CONNECTION;

/** `ingest.unary.c`; nothing where h2load is not installed. */
export const ingestUnaryC: Figure = {
  name: "ingest.unary.c",
  description: "unary calls a second of h2load, a replay of one result, 64 in flight",
  async measure(server, isSmoke) {
    if (!(await isInstalled())) return [];
    const rounds = isSmoke ? 1 : 3;
    const calls = isSmoke ? 640 : 40_000;
    const { token } = await server.newProject();
    const request = { run: { runId: "replayed" }, results: [result(0)] };
    const client = createTallyClient({ url: server.url, token });
    await client.ingest.ingestRun(request);
    const again = await client.ingest.ingestRun(request);
    client.close();
    if (again.duplicateCount !== 1n) throw new Error("the result is no replay");

    const folder = await mkdtemp(join(tmpdir(), "tally-bench-"));
    const file = join(folder, "request");
    await writeFile(
      file,
      grpcFrame(toBinary(IngestRunRequestSchema, create(IngestRunRequestSchema, request))),
    );
    const args = [
      ...["-n", String(calls), "-c", String(CONNECTIONS), "-m", String(CALLS_PER_CONNECTION)],
      ...["-d", file, "-H", "content-type: application/grpc", "-H", "te: trailers"],
      ...["-H", `authorization: Bearer ${token}`],
      `${server.url}/tally.v1.IngestService/IngestRun`,
    ];
    let seconds = 0;
    let limitSeconds = 0;
    for (let round = 0; round < rounds; round++) {
      const before = await callsAnswered(server.url);
      seconds += await secondsOf(() => run("h2load", args));
      const answered = (await callsAnswered(server.url)) - before;
      if (answered !== calls) throw new Error(`${answered} of ${calls} calls were answered OK`);
      limitSeconds +=
        calls / (await measureSingleRows(server.databaseUrl, calls, IN_FLIGHT, "known"));
    }
    await rm(folder, { recursive: true });
    return [
      {
        name: "ingest.unary.c",
        value: (rounds * calls) / seconds,
        unit: "calls/s",
        limit: (rounds * calls) / limitSeconds,
        conditions: `${rounds} × ${calls} calls, ${CONNECTIONS} connections × ${CALLS_PER_CONNECTION}; limit: INSERT … ON CONFLICT DO NOTHING of one row that is there, over ${IN_FLIGHT} connections`,
      },
    ];
  },
};

async function isInstalled(): Promise<boolean> {
  return run("h2load", ["--version"]).then(
    () => true,
    () => false,
  );
}

/** An uncompressed message as gRPC frames it. */
function grpcFrame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Calls of IngestRun that the server has answered OK. */
async function callsAnswered(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return metrics
    .split("\n")
    .filter((line) => /^tally_requests_total\{.*IngestRun.*code="OK"/.test(line))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
