/** A server on a free port with handlers that do what the run's id says, and clients of every protocol. */

import { connect } from "node:net";
import type {
  DescMethod,
  DescMethodUnary,
  JsonValue,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { create, createRegistry, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import {
  IngestService,
  PublishResultsRequestSchema,
  PublishResultsResponseSchema,
  UploadProgressSchema,
  UploadResultsRequestSchema,
  UploadResultsResponseSchema,
} from "../../gen/tally/v1/ingest_service_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import type { Authenticator } from "../../src/auth/authenticator.js";
import type { Principal, ScopeName } from "../../src/auth/principal.js";
import { callError, invalidArgument, notFound, unavailable } from "../../src/errors.js";
import { createLogger } from "../../src/log.js";
import { createMetrics } from "../../src/metrics.js";
import type { CallContext, Route, ServiceHandlers } from "../../src/rpc/handler.js";
import { codeName } from "../../src/server/code-name.js";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/server.js";

/** What a test sees of its server besides its answers. */
export interface Lab extends AsyncDisposable {
  readonly server: RunningServer;
  readonly metrics: ReturnType<typeof createMetrics>;
  /** Lines of the log, parsed. */
  readonly lines: Record<string, unknown>[];
  /** Contexts of the calls that reached a handler. */
  readonly contexts: CallContext[];
  /** Sequences that a stream's handler has "committed". */
  readonly committed: bigint[];
  /** Ends a token as a revocation does. */
  readonly endToken: (tokenId: string) => void;
}

/** Starts a server; `change` replaces options. */
export async function startLab(change: Partial<ServerOptions> = {}): Promise<Lab> {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger("info", {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const metrics = createMetrics();
  const contexts: CallContext[] = [];
  const committed: bigint[] = [];
  const { authenticator, endToken } = createTestAuthenticator();
  let ids = 0;
  const server = await startServer({
    listen: { host: "127.0.0.1", port: 0 },
    corsOrigins: [],
    trustedProxies: [],
    reflection: true,
    version: "1.2.3",
    routes: [ingestRoute(contexts, committed), statsRoute(contexts)],
    doors: [],
    webFiles: new Map(),
    authenticator,
    maxConnections: 1000,
    callsPerSecond: 0,
    metrics,
    log,
    readiness: [],
    now: Date.now,
    newRequestId: () => {
      ids += 1;
      return `req-${ids}`;
    },
    ...change,
  });
  return {
    server,
    metrics,
    lines,
    contexts,
    committed,
    endToken,
    [Symbol.asyncDispose]: () => server.drain(),
  };
}

/** Tokens are their names; `slow-` in front verifies after a while. */
function createTestAuthenticator() {
  const listeners = new Map<string, Set<(error: ConnectError) => void>>();
  const refuse = () => {
    throw callError(Code.Unauthenticated, "the token is not valid", { reason: "UNAUTHENTICATED" });
  };
  const project = (tokenId: string, scopes: ScopeName[], callsPerSecond = 0): Principal => ({
    kind: "project",
    tokenId,
    projectId: "p1",
    projectKey: "1",
    scopes: new Set(scopes),
    callsPerSecond,
  });
  const known = new Map<string, Principal>([
    ["ingest", project("t-ingest", ["ingest"])],
    ["read", project("t-read", ["read"])],
    ["throttled", project("t-throttled", ["ingest"], 1)],
    ["admin", { kind: "admin", tokenId: "t-admin" }],
  ]);
  const authenticator: Authenticator = {
    authenticate(authorization) {
      const token = authorization?.replace(/^Bearer /, "") ?? "";
      const verify = () => known.get(token.replace(/^slow-/, "")) ?? refuse();
      if (!token.startsWith("slow-")) return verify();
      return new Promise((resolve) => setTimeout(resolve, 20)).then(verify);
    },
    onEnd({ tokenId }, listener) {
      const own = listeners.get(tokenId) ?? new Set();
      listeners.set(tokenId, own.add(listener));
      return () => own.delete(listener);
    },
  };
  const endToken = (tokenId: string) => {
    const error = callError(Code.Unauthenticated, "the token was revoked", {
      reason: "TOKEN_REVOKED",
    });
    for (const listener of listeners.get(tokenId) ?? []) listener(error);
  };
  return { authenticator, endToken };
}

function ingestRoute(contexts: CallContext[], committed: bigint[]): Route {
  const route: Route<typeof IngestService> = {
    service: IngestService,
    access: {
      ingestRun: "ingest",
      uploadResults: "ingest",
      publishResults: "ingest",
      finishRun: "public",
      deleteRun: "manage",
    },
    handlers: {
      async ingestRun(request, context) {
        contexts.push(context);
        const runId = request.run?.runId ?? "";
        switch (runId) {
          case "boom":
            throw new Error("secret cause");
          case "not-found":
            throw notFound("run", "r\u20ac%\n\ud800");
          case "unwritable":
            throw new ConnectError("half a \ud800", Code.NotFound);
          case "invalid":
            throw invalidArgument([
              { field: "run.start_time", description: "is in the future" },
              { field: "results[0].result_id", description: "is empty" },
            ]);
          case "unavailable":
            throw unavailable("the database is away", {
              reason: "DATABASE_AWAY",
              retryAfterMs: 1500,
            });
          case "sleep":
            await new Promise((resolve) => setTimeout(resolve, 200));
            break;
          case "wait":
            await new Promise((_, reject) => {
              context.signal.addEventListener("abort", () => reject(context.signal.reason));
            });
        }
        return { runId, acceptedCount: BigInt(request.results.length) };
      },
      async uploadResults(requests, context) {
        contexts.push(context);
        let sequence: bigint | undefined;
        try {
          for await (const { frame } of requests) {
            if (frame.case !== "batch") continue;
            await new Promise((resolve) => setTimeout(resolve, 5));
            sequence = frame.value.sequence;
            committed.push(sequence);
          }
        } catch (error) {
          const cut = ConnectError.from(error);
          const progress = sequence === undefined ? {} : { committedSequence: sequence };
          cut.details.push({ desc: UploadProgressSchema, value: progress });
          throw cut;
        }
        return {
          runId: "upload",
          ...(sequence === undefined ? {} : { committedSequence: sequence }),
        };
      },
      async *publishResults(requests, context) {
        contexts.push(context);
        for await (const { frame } of requests) {
          if (frame.case === "open") yield { runId: frame.value.run?.runId ?? "" };
          if (frame.case !== "batch") continue;
          const { sequence } = frame.value;
          committed.push(sequence);
          yield { committedSequence: sequence };
          if (sequence === 100n) break;
          if (sequence === 200n) throw notFound("run", "gone");
          if (sequence === 300n) throw new Error("secret cause");
        }
        yield { finished: true };
      },
      async finishRun(request) {
        return { run: { runId: request.runId } };
      },
      async deleteRun() {
        return {};
      },
    },
  };
  return route as unknown as Route;
}

function statsRoute(contexts: CallContext[]): Route {
  const names = StatsService.methods.map((method) => method.localName);
  const handlers: Partial<ServiceHandlers<typeof StatsService>> = {
    async listRuns(request, context) {
      contexts.push(context);
      return { runs: [{ runId: request.branch }] };
    },
    async getRun(request) {
      return { run: { runId: request.runId } };
    },
  };
  const unused = Object.fromEntries(names.map((name) => [name, async () => ({})]));
  const route = {
    service: StatsService,
    access: Object.fromEntries(names.map((name) => [name, "read"])),
    handlers: { ...unused, ...handlers },
  };
  return route as unknown as Route;
}

/** How a call ended, in a form that is the same for every protocol. */
export interface Outcome {
  readonly code: string;
  readonly message: string;
  readonly answer: JsonValue;
  readonly details: JsonValue[];
  readonly requestId: string | null;
  readonly pushbackMs: string | null;
}

export type ProtocolName = "grpc" | "connect binary" | "connect json" | "grpc-web";
export const protocols: ProtocolName[] = ["grpc", "connect binary", "connect json", "grpc-web"];

const registry = createRegistry(
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  UploadProgressSchema,
);

/** Makes one unary call. */
export function callUnary<M extends DescMethodUnary>(
  lab: Lab,
  protocol: ProtocolName,
  method: M,
  input: MessageInitShape<M["input"]>,
  headers: Record<string, string> = { authorization: "Bearer ingest" },
): Promise<Outcome> {
  return protocol === "grpc"
    ? callGrpc(lab, method, input, headers)
    : callConnect(lab, protocol, method, input, headers);
}

async function callConnect<M extends DescMethodUnary>(
  lab: Lab,
  protocol: ProtocolName,
  method: M,
  input: MessageInitShape<M["input"]>,
  headers: Record<string, string>,
): Promise<Outcome> {
  const options = { baseUrl: lab.server.url, httpVersion: "1.1" as const };
  const transport =
    protocol === "grpc-web"
      ? createGrpcWebTransport(options)
      : createConnectTransport({ ...options, useBinaryFormat: protocol === "connect binary" });
  let requestId: string | null = null;
  try {
    const response = await transport.unary(method, undefined, undefined, headers, input as never);
    requestId = response.header.get("x-request-id");
    const answer = toJson(method.output, response.message as never);
    return { code: "OK", message: "", answer, details: [], requestId, pushbackMs: null };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const details = error.details.map((detail) => {
      if ("desc" in detail) throw new Error("a received detail has no descriptor");
      return detailJson(detail.type, detail.value);
    });
    return {
      code: codeName(error.code),
      message: error.rawMessage,
      answer: null,
      details,
      requestId: error.metadata.get("x-request-id"),
      pushbackMs: error.metadata.get("grpc-retry-pushback-ms"),
    };
  }
}

function detailJson(typeName: string, value: Uint8Array): JsonValue {
  const desc = registry.getMessage(typeName);
  if (desc === undefined) throw new Error(`unexpected detail ${typeName}`);
  return { "@type": typeName, ...(toJson(desc, fromBinary(desc, value)) as object) } as JsonValue;
}

/** A plain grpc-js client of the server. */
export function grpcClient(lab: Lab): Client & Disposable {
  const { host, port } = lab.server.address;
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), {
    // Each client has its own connection, as processes do.
    "grpc.use_local_subchannel_pool": 1,
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.close() });
}

function metadataOf(headers: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return metadata;
}

function callGrpc<M extends DescMethodUnary>(
  lab: Lab,
  method: M,
  input: MessageInitShape<M["input"]>,
  headers: Record<string, string>,
): Promise<Outcome> {
  const client = grpcClient(lab);
  return callGrpcBytes(
    client,
    method,
    Buffer.from(toBinary(method.input, create(method.input, input as never))),
    headers,
  ).finally(() => client.close());
}

/** Sends bytes as they are. */
export function callGrpcBytes(
  client: Client,
  method: DescMethod,
  bytes: Buffer,
  headers: Record<string, string> = { authorization: "Bearer ingest" },
  deadlineMs?: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let requestId: string | null = null;
    let answer: JsonValue = null;
    const call = client.makeUnaryRequest(
      pathOf(method),
      same,
      same,
      bytes,
      metadataOf(headers),
      deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
      (error, reply) => {
        if (reply !== undefined) answer = toJson(method.output, fromBinary(method.output, reply));
        if (error !== null) resolve(grpcOutcome(error));
        else resolve({ code: "OK", message: "", answer, details: [], requestId, pushbackMs: null });
      },
    );
    call.on("metadata", (metadata) => {
      requestId = metadata.get("x-request-id")[0]?.toString() ?? null;
    });
  });
}

/** A grpc-js error as an outcome. */
function grpcOutcome(error: ServiceError): Outcome {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const status =
    bytes instanceof Buffer ? fromBinary(StatusSchema, bytes) : create(StatusSchema, {});
  const details = status.details.map((any) => {
    const message = anyUnpack(any, registry);
    if (message === undefined) throw new Error(`unexpected detail ${any.typeUrl}`);
    return detailJson(message.$typeName, any.value);
  });
  return {
    code: codeName(error.code as number as Code),
    message: error.details,
    answer: null,
    details,
    requestId: error.metadata.get("x-request-id")[0]?.toString() ?? null,
    pushbackMs: error.metadata.get("grpc-retry-pushback-ms")[0]?.toString() ?? null,
  };
}

export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

const same = (bytes: Buffer): Buffer => bytes;

type Upload = MessageInitShape<typeof UploadResultsRequestSchema>;
type Publish = MessageInitShape<typeof PublishResultsRequestSchema>;

/** A client stream over gRPC: frames by `send`, the end by `finish`, the outcome by `outcome`. */
export function openUpload(
  client: Client,
  headers = { authorization: "Bearer ingest" },
  method: DescMethod = IngestService.method.uploadResults,
) {
  let settle: (outcome: Outcome) => void;
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const call = client.makeClientStreamRequest(
    pathOf(method),
    same,
    same,
    metadataOf(headers),
    (error, reply) => {
      const done = { code: "OK", message: "", details: [], requestId: null, pushbackMs: null };
      if (error !== null) settle(grpcOutcome(error));
      else if (reply !== undefined) {
        const message = fromBinary(UploadResultsResponseSchema, reply);
        settle({ ...done, answer: toJson(UploadResultsResponseSchema, message) });
      }
    },
  );
  return {
    outcome,
    call,
    send: (frame: Upload) =>
      call.write(
        Buffer.from(
          toBinary(UploadResultsRequestSchema, create(UploadResultsRequestSchema, frame)),
        ),
      ),
    finish: () => call.end(),
  };
}

/** A bidirectional stream over gRPC; `answers` fills as they come. */
export function openPublish(client: Client, headers = { authorization: "Bearer ingest" }) {
  const call = client.makeBidiStreamRequest(
    pathOf(IngestService.method.publishResults),
    same,
    same,
    metadataOf(headers),
  );
  const answers: MessageShape<typeof PublishResultsResponseSchema>[] = [];
  call.on("data", (bytes: Buffer) => {
    answers.push(fromBinary(PublishResultsResponseSchema, bytes));
  });
  const outcome = new Promise<Outcome>((resolve) => {
    call.on("error", (error: ServiceError) => resolve(grpcOutcome(error)));
    call.on("end", () =>
      resolve({
        code: "OK",
        message: "",
        answer: null,
        details: [],
        requestId: null,
        pushbackMs: null,
      }),
    );
  });
  return {
    call,
    answers,
    outcome,
    send: (frame: Publish) =>
      call.write(
        Buffer.from(
          toBinary(PublishResultsRequestSchema, create(PublishResultsRequestSchema, frame)),
        ),
      ),
    finish: () => call.end(),
  };
}

/** A Connect client of the ingest service on HTTP/1.1. */
export function connectClient(lab: Lab, useBinaryFormat = true) {
  return createClient(
    IngestService,
    createConnectTransport({ baseUrl: lab.server.url, httpVersion: "1.1", useBinaryFormat }),
  );
}

/** A frame that carries one batch. */
export function batch(sequence: bigint): Upload & Publish {
  return { frame: { case: "batch", value: { sequence, results: [] } } };
}

/** Waits until something is so; fails the test's own time limit otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Sends text as it is over a connection and answers what comes back, up to the end of the response. */
export function raw(lab: Lab, text: string): Promise<string> {
  const { host, port } = lab.server.address;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let answer = "";
    socket.on("connect", () => socket.write(text, "latin1"));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      if (isWhole(answer)) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

function isWhole(answer: string): boolean {
  const [head = "", body] = answer.split("\r\n\r\n", 2);
  if (body === undefined) return false;
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  return length === undefined ? answer.endsWith("0\r\n\r\n") : body.length >= Number(length);
}
