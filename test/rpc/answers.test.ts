import {
  create,
  type DescMethodUnary,
  type DescService,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService } from "../../gen/tally/v1/rejection_service_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { createGrpcTransport } from "../../src/client/index.js";
import { startTestServer, type TestServer } from "../support/server.js";

/** What a call may refer to. */
interface Tenant {
  readonly organizationId: string;
  readonly projectId: string;
}
interface Call {
  readonly name: string;
  readonly service: DescService;
  readonly method: string;
  readonly request: (tenant: Tenant) => Record<string, unknown>;
  /** Code of the answer. */
  readonly code: "OK" | keyof typeof Code;
  readonly token?: keyof Pick<TestServer, "adminToken" | "readToken"> | "garbage";
}

const run = { runId: "build-1", status: Status.PASSED, source: { branch: "main" } };
const test = { suite: "cart", name: "adds" };
const result = { test, status: Status.PASSED, duration: { seconds: 1n } };
const long = "x".repeat(2000);

const call = (
  service: DescService,
  method: string,
  code: Call["code"],
  name: string,
  request: object | ((tenant: Tenant) => object) = {},
  token?: Call["token"],
): Call => ({
  name,
  service,
  method,
  code,
  request:
    typeof request === "function"
      ? (request as Call["request"])
      : () => request as Record<string, unknown>,
  ...(token === undefined ? {} : { token }),
});
const ingest = (code: Call["code"], name: string, request: object, token?: Call["token"]) =>
  call(IngestService, "ingestRun", code, name, request, token);
const tenancy = (
  method: string,
  code: Call["code"],
  name: string,
  request: object | ((tenant: Tenant) => object) = {},
) => call(TenancyService, method, code, name, request, "adminToken");

/** In order: later calls see what earlier ones stored. */
const calls: readonly Call[] = [
  ingest("OK", "a new run", { run, results: [result] }),
  ingest("OK", "the same again", { run, results: [result] }),
  ingest("OK", "another value", { run: { ...run, source: { branch: "dev" } } }),
  ingest("OK", "another result", { run, results: [{ ...result, status: Status.FAILED }] }),
  ingest("OK", "a bad result among good ones", {
    run,
    results: [{ ...result, resultId: "r2" }, { status: Status.PASSED }, { test, attempt: 99_999 }],
  }),
  ingest("OK", "text that is too long to keep whole", {
    run,
    results: [{ ...result, resultId: "r3", failure: { message: "y".repeat(9000) } }],
  }),
  ingest("InvalidArgument", "no run", {}),
  ingest("InvalidArgument", "no run_id", { run: { status: Status.PASSED } }),
  ingest("InvalidArgument", "a long run_id", { run: { runId: long } }),
  ingest("InvalidArgument", "a negative duration", {
    run: { ...run, duration: { seconds: -5n } },
  }),
  ingest("InvalidArgument", "a precluded run", { run: { ...run, status: Status.PRECLUDED } }),
  ingest("InvalidArgument", "an unknown status", { run: { ...run, status: 77 } }),
  ingest("InvalidArgument", "a long branch", { run: { ...run, source: { branch: long } } }),
  ingest("InvalidArgument", "a long label", { run: { ...run, labels: { k: long } } }),
  ingest("InvalidArgument", "a bad shard", { run, part: { shardIndex: 3, shardTotal: 2 } }),
  ingest("InvalidArgument", "three faults at once", {
    run: { runId: "", framework: long },
    part: { job: long },
  }),
  ingest("NotFound", "another project", { projectId: "prj_unknown", run }),
  ingest("Unauthenticated", "a wrong token", { run }, "garbage"),
  ingest("PermissionDenied", "a token without the scope", { run }, "readToken"),
  ingest("InvalidArgument", "an admin without a project", { run }, "adminToken"),
  call(IngestService, "finishRun", "OK", "a finish", { runId: "build-1" }),
  call(IngestService, "finishRun", "OK", "a finish again", { runId: "build-1" }),
  call(IngestService, "finishRun", "OK", "another finish", {
    runId: "build-1",
    status: Status.FAILED,
  }),
  call(IngestService, "finishRun", "NotFound", "a finish of nothing", { runId: "none" }),
  call(IngestService, "finishRun", "InvalidArgument", "a negative count", {
    runId: "build-1",
    expectedResultCount: -1n,
  }),
  call(StatsService, "getRun", "OK", "the run", { runId: "build-1" }),
  call(StatsService, "getRun", "NotFound", "an unknown run", { runId: "none" }),
  call(StatsService, "getRun", "InvalidArgument", "no run_id", {}),
  call(StatsService, "listRuns", "OK", "runs", {}),
  call(StatsService, "listRuns", "OK", "runs of no branch", { branch: "none" }),
  call(StatsService, "listRuns", "InvalidArgument", "a negative page", { pageSize: -1 }),
  call(StatsService, "listRuns", "InvalidArgument", "a forged page", { pageToken: "AAAA" }),
  call(RejectionService, "listRejections", "OK", "rejections", { pageSize: 5000 }),
  call(RejectionService, "listRejections", "InvalidArgument", "an unknown kind", {
    filter: { kind: 9 },
  }),
  call(RejectionService, "replayRejections", "InvalidArgument", "neither ids nor filter", {}),
  call(RejectionService, "replayRejections", "OK", "an unknown rejection", {
    entries: [{ rejectionId: "0".repeat(32) }],
  }),
  call(RejectionService, "replayRejections", "OK", "all, judged alone", {
    filter: {},
    validateOnly: true,
  }),
  call(RejectionService, "dismissRejections", "OK", "all", { filter: {}, note: "done" }),
  call(RejectionService, "dismissRejections", "InvalidArgument", "a long note", {
    filter: {},
    note: long,
  }),
  tenancy("createOrganization", "InvalidArgument", "a blank name", { name: "  " }),
  tenancy("createOrganization", "InvalidArgument", "a long name", { name: long }),
  tenancy("getOrganization", "NotFound", "an unknown organization", { organizationId: "org_x" }),
  tenancy("createProject", "NotFound", "an unknown organization", {
    organizationId: "org_x",
    name: "p",
  }),
  tenancy("createProject", "AlreadyExists", "a name that is taken", ({ organizationId }) => ({
    organizationId,
    name: "shop",
  })),
  tenancy("deleteOrganization", "FailedPrecondition", "with projects", ({ organizationId }) => ({
    organizationId,
  })),
  tenancy("updateProject", "InvalidArgument", "no mask", ({ projectId }) => ({
    project: { projectId },
  })),
  tenancy("createToken", "InvalidArgument", "no scope", ({ projectId }) => ({
    projectId,
    name: "x",
  })),
  tenancy("revokeToken", "NotFound", "an unknown token", { tokenId: "unknown" }),
  call(IngestService, "deleteRun", "OK", "the run", { runId: "build-1" }),
  ingest("FailedPrecondition", "a run that is deleted", { run }),
];

const protocols = ["gRPC", "Connect binary", "Connect JSON"] as const;
type Protocol = (typeof protocols)[number];

const servers = new Map<Protocol, TestServer>();
beforeAll(async () => {
  for (const protocol of protocols) servers.set(protocol, await startTestServer());
});
afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
});

function transport(protocol: Protocol, baseUrl: string): Transport & { close?(): void } {
  if (protocol === "gRPC") return createGrpcTransport({ url: baseUrl });
  const useBinaryFormat = protocol === "Connect binary";
  return createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat });
}

/** The answer, or the error with its details, without what differs from one server to the next. */
async function outcomeOf(protocol: Protocol, { service, method, request, token }: Call) {
  const server = servers.get(protocol);
  if (server === undefined) throw new Error("no server");
  const wire = transport(protocol, server.url);
  const client = createClient(service, wire) as unknown as Record<
    string,
    (request: object, options: object) => Promise<object>
  >;
  const secret = token === "garbage" ? "garbage" : server[token ?? "allToken"];
  const headers = { authorization: `Bearer ${secret}` };
  const { input, output } = service.method[method] as DescMethodUnary;
  let seen: JsonValue;
  let code = "OK";
  try {
    const answer = await client[method]?.(create(input, request(server)), { headers });
    seen = toJson(output, answer as never, { alwaysEmitImplicit: true });
  } catch (cause) {
    const error = ConnectError.from(cause);
    code = Code[error.code] ?? "";
    seen = {
      message: error.rawMessage,
      info: error.findDetails(ErrorInfoSchema).map((each) => toJson(ErrorInfoSchema, each)),
      violations: error.findDetails(BadRequestSchema).map((each) => toJson(BadRequestSchema, each)),
      hasRequestId: error.metadata.has("x-request-id"),
    };
  } finally {
    wire.close?.();
  }
  return { code, seen: plain(JSON.stringify(seen), server) };
}

/** Ids, keys and times differ; what they stand for does not. */
function plain(text: string, server: TestServer): string {
  return text
    .replaceAll(server.projectId, "<project>")
    .replaceAll(server.organizationId, "<organization>")
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replace(/"duration":"[\d.]+s"/g, '"duration":"<duration>"')
    .replace(/(oken|lient)(Id)?":"[a-z2-7]{16}"/g, '$1$2":"<token>"')
    .replace(/\b[0-9a-f]{32}\b/g, (id) => (id === "0".repeat(32) ? id : "<rejection>"));
}

describe("over every protocol", () => {
  it.each(calls)("$service.name.$method of $name answers $code", async (each) => {
    const [grpc, binary, json] = await Promise.all(
      protocols.map((protocol) => outcomeOf(protocol, each)),
    );
    expect(grpc?.code).toBe(each.code);
    expect(binary).toEqual(grpc);
    expect(json).toEqual(grpc);
  });

  it("are forty calls at least", () => {
    expect(calls.length).toBeGreaterThanOrEqual(40);
  });
});
