/** One table of calls, and the same answer to each over every protocol. */
import {
  create,
  type DescMethod,
  type DescService,
  fromBinary,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Client, credentials, type Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { IngestService, UploadProgressSchema } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionKind } from "../../gen/tally/v1/rejection_pb.js";
import { RejectionService } from "../../gen/tally/v1/rejection_service_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import { Connection } from "../../src/db/client.js";
import { codeName } from "../../src/server/code-name.js";
import { callGrpcBytes, openUpload } from "../server/support.js";
import { startTestServer, type TestServer } from "../support/server.js";

const protocols = ["gRPC", "Connect binary", "Connect JSON"] as const;
type Protocol = (typeof protocols)[number];

/** A server of its own for each protocol, so that each sees the same history. */
interface World {
  readonly server: TestServer;
  readonly protocol: Protocol;
  /** By the name that a call gives: a whole credential, or any text that is none. */
  readonly tokens: ReadonlyMap<string, string>;
  /** What each call before was answered, by its name. */
  readonly answers: Map<string, JsonValue>;
  /** Drawn ids in the order in which they were seen first. */
  readonly ids: string[];
}

type TokenName = "all" | "ingest" | "read" | "manage" | "admin" | "none" | "garbage" | "expired";
interface Row {
  readonly service: DescService;
  readonly method: string;
  /** What is called; unique. */
  readonly name: string;
  /** OK, or the code with the reason (but INVALID_REQUEST) and the refused fields. */
  readonly outcome: string;
  readonly token: TokenName;
  readonly request: (world: World) => object;
  /** Part of the answer, in JSON. */
  readonly answer?: object;
}
type Request = object | ((world: World) => object);

const rowsOf =
  (service: DescService, token: TokenName) =>
  (
    method: string,
    name: string,
    request: Request,
    outcome: string,
    more: Partial<Row> = {},
  ): Row => ({
    service,
    method,
    name,
    outcome,
    token,
    request: typeof request === "function" ? (request as Row["request"]) : () => request,
    ...more,
  });
const ingest = rowsOf(IngestService, "all");
const stats = rowsOf(StatsService, "all");
const rejections = rowsOf(RejectionService, "all");
const tenancy = rowsOf(TenancyService, "admin");
const run = (name: string, request: Request, outcome = "OK", more: Partial<Row> = {}) =>
  ingest("ingestRun", name, request, outcome, more);

/** A value inside the answer to a call before. */
function seen({ answers }: World, name: string, ...path: (string | number)[]): string {
  let value: JsonValue | undefined = answers.get(name);
  for (const step of path) value = (value as JsonObject | undefined)?.[step];
  if (typeof value !== "string") throw new Error(`no ${path.join(".")} in the answer to ${name}`);
  return value;
}

const at = (iso: string) => ({ seconds: BigInt(Date.parse(iso) / 1000), nanos: 0 });
const facts = { runId: "build-1", source: { branch: "main" } };
const build = {
  ...facts,
  status: Status.PASSED,
  startTime: at("2026-01-12T09:59:50Z"),
  finishTime: at("2026-01-12T10:00:00Z"),
  duration: { seconds: 10n },
};
const test = { suite: "cart", name: "adds" };
const result = { test, status: Status.PASSED, duration: { seconds: 1n, nanos: 500_000_000 } };
const long = "x".repeat(2000);
const many = Array.from({ length: 5001 }, () => ({}));
const crowd = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, "v"]));
const noRejection = "0".repeat(32);

/** In order: later calls see what earlier ones stored. */
const rows: readonly Row[] = [
  // First, since refusals and last uses of tokens are written at times of their own.
  tenancy("listTokens", "tokens", ({ server }: World) => ({ projectId: server.projectId }), "OK"),
  tenancy(
    "listAuditEntries",
    "the audit log",
    ({ server }: World) => ({ projectId: server.projectId }),
    "OK",
    {
      answer: {
        auditEntries: [
          ...Array.from({ length: 5 }, () => ({ action: "token_created", count: "1" })),
          { action: "project_created" },
        ],
      },
    },
  ),

  // What is stored, once.
  run("a new run", { run: build, results: [result] }, "OK", {
    answer: { runId: "build-1", acceptedCount: "1" },
  }),
  run("the same again", { run: build, results: [result] }, "OK", {
    answer: { runDuplicate: true, duplicateCount: "1" },
  }),
  run("another branch", { run: { ...build, source: { branch: "dev" } } }, "OK", {
    answer: { runConflict: ["source.branch"] },
  }),
  run("another result", { run: facts, results: [{ ...result, status: Status.FAILED }] }, "OK", {
    answer: { conflictCount: "1", rejections: [{ reason: "REJECTION_REASON_CONFLICT" }] },
  }),
  run(
    "bad results among good ones",
    {
      run: facts,
      results: [
        { ...result, resultId: "r2" },
        { status: Status.PASSED },
        { test, attempt: 99_999, duration: { seconds: -1n } },
        { test: { name: "a\0b" }, status: 77, tags: { k: long } },
      ],
    },
    "OK",
    {
      answer: {
        acceptedCount: "1",
        rejectedCount: "3",
        rejections: [
          { index: "1", fieldViolations: [{ field: "test" }] },
          {
            index: "2",
            fieldViolations: [{ field: "status" }, { field: "attempt" }, { field: "duration" }],
          },
          {
            index: "3",
            fieldViolations: [{ field: "test.name" }, { field: "status" }, { field: 'tags["k"]' }],
          },
        ],
      },
    },
  ),
  run("text that is cut", {
    run: facts,
    results: [{ ...result, resultId: "r3", failure: { message: "y".repeat(9000) } }],
  }),
  run("a shard", { run: { runId: "sharded" }, part: { job: "e2e", shardIndex: 1, shardTotal: 2 } }),
  run(
    "a shard of another total",
    { run: { runId: "sharded" }, part: { job: "e2e", shardIndex: 1, shardTotal: 3 } },
    "OK",
    { answer: { runConflict: ["part.shard_total"] } },
  ),
  run("an admin's run", ({ server }) => ({ projectId: server.projectId, run: build }), "OK", {
    token: "admin",
    answer: { runDuplicate: true },
  }),

  // Each kind of bad field.
  run("no run", {}, "INVALID_ARGUMENT run"),
  run("no run_id", { run: { status: Status.PASSED } }, "INVALID_ARGUMENT run.run_id"),
  run("a blank run_id", { run: { runId: " " } }, "INVALID_ARGUMENT run.run_id"),
  run("a long run_id", { run: { runId: long } }, "INVALID_ARGUMENT run.run_id"),
  run("a NUL in run_id", { run: { runId: "a\0" } }, "INVALID_ARGUMENT run.run_id"),
  run("a precluded run", { run: { ...facts, status: 5 } }, "INVALID_ARGUMENT run.status"),
  run("an unknown status", { run: { ...facts, status: 77 } }, "INVALID_ARGUMENT run.status"),
  run(
    "a negative duration",
    { run: { ...build, duration: { seconds: -5n } } },
    "INVALID_ARGUMENT run.duration",
  ),
  run(
    "eleven years",
    { run: { ...build, duration: { seconds: 347_000_000n } } },
    "INVALID_ARGUMENT run.duration",
  ),
  run(
    "a time of 1969",
    { run: { ...build, startTime: { seconds: -1n } } },
    "INVALID_ARGUMENT run.start_time",
  ),
  run(
    "a finish time without a status",
    { run: { ...facts, finishTime: build.finishTime } },
    "INVALID_ARGUMENT run.finish_time",
  ),
  run(
    "a long branch",
    { run: { ...build, source: { branch: long } } },
    "INVALID_ARGUMENT run.source.branch",
  ),
  run(
    "a long label",
    { run: { ...build, labels: { k: long } } },
    'INVALID_ARGUMENT run.labels["k"]',
  ),
  run("65 labels", { run: { ...build, labels: crowd } }, "INVALID_ARGUMENT run.labels"),
  run(
    "a bad shard",
    { run: build, part: { shardIndex: 3, shardTotal: 2 } },
    "INVALID_ARGUMENT part.shard_index",
  ),
  run(
    "a count without a status",
    { run: facts, expectedResultCount: 3n },
    "INVALID_ARGUMENT expected_result_count",
  ),
  run("5,001 results", { run: facts, results: many }, "INVALID_ARGUMENT results"),
  run(
    "three faults at once",
    { run: { runId: "", framework: long }, part: { job: long } },
    "INVALID_ARGUMENT run.run_id run.framework part.job",
  ),
  run(
    "more faults than are listed",
    {
      run: {
        runId: "faulty",
        labels: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, long])),
      },
    },
    `INVALID_ARGUMENT ${Array.from({ length: 32 }, (_, i) => `run.labels["k${i}"]`).join(" ")} violations_truncated`,
  ),

  // Who may not.
  run("no token", { run: build }, "UNAUTHENTICATED UNAUTHENTICATED", { token: "none" }),
  run("garbage", { run: build }, "UNAUTHENTICATED UNAUTHENTICATED", { token: "garbage" }),
  run("an expired token", { run: build }, "UNAUTHENTICATED TOKEN_EXPIRED", { token: "expired" }),
  run("a token that reads", { run: build }, "PERMISSION_DENIED SCOPE_MISSING", { token: "read" }),
  run("an admin without a project", { run: build }, "INVALID_ARGUMENT project_id", {
    token: "admin",
  }),
  run(
    "a project that is none",
    { projectId: "prj_unknown", run: build },
    "NOT_FOUND PROJECT_NOT_FOUND",
  ),

  // Streams of one answer.
  ingest(
    "uploadResults",
    "an upload",
    {
      frames: [
        { open: { run: { runId: "upload" } } },
        { batch: { sequence: 3n, results: [result, { test: {}, status: Status.PASSED }] } },
        { batch: { sequence: 4n, results: [result] } },
        { finish: { expectedResultCount: 2n, finishTime: build.finishTime } },
      ],
    },
    "OK",
    {
      answer: {
        runId: "upload",
        acceptedCount: "1",
        duplicateCount: "1",
        rejectedCount: "1",
        committedSequence: "4",
      },
    },
  ),
  ingest(
    "uploadResults",
    "an upload with a gap",
    {
      frames: [
        { open: { run: { runId: "gap" } } },
        { batch: { sequence: 1n, results: [result] } },
        { batch: { sequence: 3n, results: [result] } },
      ],
    },
    "INVALID_ARGUMENT SEQUENCE_GAP batch.sequence",
  ),
  ingest(
    "uploadResults",
    "an upload without open",
    { frames: [{ batch: { sequence: 1n } }] },
    "INVALID_ARGUMENT FRAME_OUT_OF_PLACE batch",
  ),
  ingest(
    "uploadResults",
    "an upload by a token that reads",
    { frames: [{ open: { run: { runId: "upload" } } }] },
    "PERMISSION_DENIED SCOPE_MISSING",
    { token: "read" },
  ),

  // The end of a run.
  ingest("finishRun", "a finish", { runId: "sharded", finishTime: build.finishTime }, "OK", {
    answer: { run: { state: "RUN_STATE_INCOMPLETE" } },
  }),
  ingest("finishRun", "a finish again", { runId: "sharded" }, "OK", {
    answer: { runDuplicate: true },
  }),
  ingest("finishRun", "another finish", { runId: "sharded", status: Status.FAILED }, "OK", {
    answer: { runConflict: ["status"] },
  }),
  ingest("finishRun", "a finish of nothing", { runId: "none" }, "NOT_FOUND RUN_NOT_FOUND"),
  ingest(
    "finishRun",
    "two bad fields of a finish",
    { runId: "sharded", status: Status.UNSPECIFIED, expectedResultCount: -1n },
    "INVALID_ARGUMENT status expected_result_count",
  ),

  // What is read.
  stats("getRun", "the run", { runId: "build-1" }, "OK", {
    answer: { run: { totals: { resultCount: "3", conflictCount: "1", rejectedCount: "4" } } },
  }),
  stats("getRun", "an unknown run", { runId: "none" }, "NOT_FOUND RUN_NOT_FOUND"),
  stats("getRun", "a run without a name", {}, "INVALID_ARGUMENT run_id"),
  stats("listRuns", "the first run", { pageSize: 1 }, "OK"),
  stats(
    "listRuns",
    "the next run",
    (world: World) => ({ pageSize: 1, pageToken: seen(world, "the first run", "nextPageToken") }),
    "OK",
  ),
  stats(
    "listRuns",
    "the page of another filter",
    (world: World) => ({
      branch: "dev",
      pageToken: seen(world, "the first run", "nextPageToken"),
    }),
    "INVALID_ARGUMENT page_token",
  ),
  stats("listRuns", "runs of no branch", { branch: "none" }, "OK"),
  stats("listRuns", "more runs than a page has", { pageSize: 5000 }, "OK"),
  stats("listRuns", "a negative page", { pageSize: -1 }, "INVALID_ARGUMENT page_size"),
  stats("listRuns", "a forged page", { pageToken: "AAAA" }, "INVALID_ARGUMENT page_token"),
  stats("listRuns", "an unknown state", { state: 99 }, "INVALID_ARGUMENT state"),

  // What was refused.
  rejections("listRejections", "all rejections", { pageSize: 1000 }, "OK"),
  rejections("listRejections", "a run's refusals", { filter: { runId: "upload" } }, "OK", {
    answer: { rejections: [{ fieldViolations: [{ field: "test.name" }] }] },
  }),
  rejections(
    "listRejections",
    "an unknown kind",
    { filter: { kind: 9, reason: 99 } },
    "INVALID_ARGUMENT filter.kind filter.reason",
  ),
  rejections(
    "listRejections",
    "rejections for a token that manages",
    {},
    "PERMISSION_DENIED SCOPE_MISSING",
    { token: "manage" },
  ),
  rejections(
    "getRejection",
    "a run's refusal",
    (world: World) => ({
      rejectionId: seen(world, "a run's refusals", "rejections", 0, "rejectionId"),
    }),
    "OK",
    { answer: { rejection: { fieldViolations: [{ field: "test.name" }] } } },
  ),
  rejections("getRejection", "a rejection without an id", {}, "INVALID_ARGUMENT rejection_id"),
  rejections(
    "getRejection",
    "a rejection that is not there",
    { rejectionId: noRejection },
    "NOT_FOUND REJECTION_NOT_FOUND",
  ),
  rejections(
    "getRejection",
    "what is no id of a rejection",
    { rejectionId: "?" },
    "NOT_FOUND REJECTION_NOT_FOUND",
  ),
  rejections("replayRejections", "neither entries nor filter", {}, "INVALID_ARGUMENT entries"),
  rejections(
    "replayRejections",
    "an unknown rejection",
    { entries: [{ rejectionId: noRejection }, { rejectionId: "?" }] },
    "OK",
    {
      answer: {
        results: [
          { rejectionId: noRejection, outcome: "REPLAY_OUTCOME_NOT_FOUND" },
          { rejectionId: "?", outcome: "REPLAY_OUTCOME_NOT_FOUND" },
        ],
      },
    },
  ),
  rejections(
    "replayRejections",
    "all, judged alone",
    { filter: { kind: RejectionKind.RESULT }, validateOnly: true },
    "OK",
  ),
  rejections(
    "replayRejections",
    "a mended result",
    (world: World) => ({
      entries: [
        {
          rejectionId: seen(world, "a run's refusals", "rejections", 0, "rejectionId"),
          replacement: { case: "result", value: { test: { name: "mended" }, status: 1 } },
        },
      ],
    }),
    "OK",
    { answer: { results: [{ outcome: "REPLAY_OUTCOME_ACCEPTED" }] } },
  ),
  stats("getRun", "the mended run", { runId: "upload" }, "OK", {
    answer: { run: { totals: { resultCount: "2" } } },
  }),
  rejections("dismissRejections", "all that is left", { filter: {}, note: "done" }, "OK"),
  rejections(
    "dismissRejections",
    "what is dismissed",
    (world: World) => ({
      rejectionIds: [seen(world, "all rejections", "rejections", 0, "rejectionId")],
    }),
    "OK",
  ),
  rejections(
    "dismissRejections",
    "a long note",
    { filter: {}, note: long },
    "INVALID_ARGUMENT note",
  ),

  // Organizations, projects and tokens.
  tenancy("createOrganization", "an organization", { name: " acme " }, "OK", {
    answer: { organization: { name: "acme" } },
  }),
  tenancy(
    "createOrganization",
    "an organization's name that is taken",
    { name: "acme" },
    "ALREADY_EXISTS ORGANIZATION_EXISTS",
  ),
  tenancy("createOrganization", "a blank name", { name: "  " }, "INVALID_ARGUMENT name"),
  tenancy("createOrganization", "a long name", { name: long }, "INVALID_ARGUMENT name"),
  tenancy(
    "createOrganization",
    "an organization by a project's token",
    { name: "other" },
    "PERMISSION_DENIED SCOPE_MISSING",
    { token: "all" },
  ),
  tenancy(
    "getOrganization",
    "an unknown organization",
    { organizationId: "org_x" },
    "NOT_FOUND ORGANIZATION_NOT_FOUND",
  ),
  tenancy(
    "createProject",
    "a project",
    (world: World) => ({ organizationId: acme(world), name: "web" }),
    "OK",
    {
      answer: { project: { name: "web" } },
    },
  ),
  tenancy(
    "createProject",
    "a project's name that is taken",
    (world: World) => ({ organizationId: acme(world), name: "web" }),
    "ALREADY_EXISTS PROJECT_EXISTS",
  ),
  tenancy(
    "createProject",
    "a project of no organization",
    { organizationId: "org_x", name: "p" },
    "NOT_FOUND ORGANIZATION_NOT_FOUND",
  ),
  tenancy(
    "createProject",
    "bad settings",
    (world: World) => ({
      organizationId: acme(world),
      name: "p",
      settings: { retentionDays: -1, eventPolicy: 9 },
    }),
    "INVALID_ARGUMENT settings.retention_days settings.event_policy",
  ),
  tenancy("listProjects", "projects", (world: World) => ({ organizationId: acme(world) }), "OK"),
  tenancy(
    "updateProject",
    "no mask",
    ({ server }: World) => ({ project: { projectId: server.projectId } }),
    "INVALID_ARGUMENT update_mask",
  ),
  tenancy(
    "updateProject",
    "a quota by a project's token",
    {
      project: { settings: { callsPerSecond: 1 } },
      updateMask: { paths: ["settings.calls_per_second"] },
    },
    "PERMISSION_DENIED ADMIN_NEEDED",
    { token: "manage" },
  ),
  tenancy(
    "createToken",
    "a token",
    ({ server }: World) => ({ projectId: server.projectId, name: "ci", scopes: [Scope.READ] }),
    "OK",
    { answer: { token: { kind: "TOKEN_KIND_PROJECT", name: "ci" } } },
  ),
  tenancy(
    "createToken",
    "no scope, no name, and an end in the past",
    ({ server }: World) => ({ projectId: server.projectId, expireTime: build.finishTime }),
    "INVALID_ARGUMENT name scopes expire_time",
  ),
  tenancy(
    "createToken",
    "a scope that the caller lacks",
    { name: "x", scopes: [Scope.INGEST] },
    "PERMISSION_DENIED SCOPE_MISSING",
    { token: "manage" },
  ),
  tenancy(
    "revokeToken",
    "the token's end",
    (world: World) => ({ tokenId: seen(world, "a token", "token", "tokenId") }),
    "OK",
  ),
  tenancy("revokeToken", "an unknown token", { tokenId: "unknown" }, "NOT_FOUND TOKEN_NOT_FOUND"),

  // What is deleted.
  ingest("deleteRun", "a deletion", { runId: "build-1" }, "OK"),
  ingest("deleteRun", "a deletion again", { runId: "build-1" }, "OK"),
  run("a run that is deleted", { run: build }, "FAILED_PRECONDITION RUN_DELETED"),
  tenancy(
    "deleteOrganization",
    "an organization with projects",
    (world: World) => ({ organizationId: acme(world) }),
    "FAILED_PRECONDITION ORGANIZATION_NOT_EMPTY",
  ),
  tenancy(
    "deleteOrganization",
    "an organization with projects, by force",
    (world: World) => ({ organizationId: acme(world), force: true }),
    "OK",
  ),
  tenancy(
    "getProject",
    "a project of a deleted organization",
    (world: World) => ({ projectId: seen(world, "a project", "project", "projectId") }),
    "NOT_FOUND PROJECT_NOT_FOUND",
  ),
];

function acme(world: World): string {
  return seen(world, "an organization", "organization", "organizationId");
}

const worlds: World[] = [];
beforeAll(async () => {
  for (const protocol of protocols) {
    const server = await startTestServer();
    worlds.push({ server, protocol, tokens: await tokensOf(server), answers: new Map(), ids: [] });
  }
});
afterAll(async () => {
  for (const { server } of worlds) await server[Symbol.asyncDispose]();
});

async function tokensOf(server: TestServer): Promise<ReadonlyMap<string, string>> {
  const { projectId } = server;
  const { token, secret } = await server.client().tenancy.createToken({
    projectId,
    name: "short",
    scopes: [Scope.INGEST],
    expireTime: { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600) },
  });
  await using db = new Connection({ url: server.databaseUrl, prepare: false });
  await db.query("UPDATE tokens SET expires_at = now() - interval '1 second' WHERE token_id = $1", [
    token?.tokenId ?? "",
  ]);
  return new Map([
    ["all", server.allToken],
    ["ingest", server.ingestToken],
    ["read", server.readToken],
    ["manage", server.manageToken],
    ["admin", server.adminToken],
    ["garbage", "garbage"],
    ["expired", secret],
  ]);
}

/** Makes the call in its world; the answer becomes known to later calls. */
async function outcomeOf(world: World, row: Row): Promise<Outcome> {
  const method = row.service.method[row.method];
  if (method === undefined) throw new Error(`no method ${row.method}`);
  const token = world.tokens.get(row.token);
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request = row.request(world);
  const call = world.protocol === "gRPC" ? callGrpc : callConnect;
  const outcome = await call(world, method, request, headers);
  world.answers.set(row.name, outcome.answer);
  return outcome;
}

/** How a call ended; the same for every protocol. */
type Outcome = Awaited<ReturnType<typeof callGrpcBytes>>;

/** A stock grpc-js client: bytes in, bytes out. */
async function callGrpc(
  { server }: World,
  method: DescMethod,
  request: object,
  headers: Record<string, string>,
): Promise<Outcome> {
  const client = new Client(new URL(server.url).host, credentials.createInsecure());
  try {
    if ("frames" in request) {
      const upload = openUpload(client, headers as { authorization: string });
      for (const frame of framesOf(request)) upload.send(frame);
      upload.finish();
      const sent = new Promise<string | null>((resolve) => {
        upload.call.on("metadata", (header: Metadata) => {
          resolve(header.get("x-request-id")[0]?.toString() ?? null);
        });
      });
      const outcome = await upload.outcome;
      // An error carries its request id itself.
      return outcome.code === "OK" ? { ...outcome, requestId: await sent } : outcome;
    }
    const bytes = Buffer.from(toBinary(method.input, create(method.input, request as never)));
    return await callGrpcBytes(client, method, bytes, headers);
  } finally {
    client.close();
  }
}

async function callConnect(
  { server, protocol }: World,
  method: DescMethod,
  request: object,
  headers: Record<string, string>,
): Promise<Outcome> {
  const useBinaryFormat = protocol === "Connect binary";
  const transport = createConnectTransport({
    baseUrl: server.url,
    httpVersion: "1.1",
    useBinaryFormat,
  });
  const client = createClient(method.parent, transport) as unknown as Record<string, Caller>;
  let requestId: string | null = null;
  const onHeader = (header: Headers) => {
    requestId = header.get("x-request-id");
  };
  async function* frames() {
    yield* framesOf(request);
  }
  try {
    const input = "frames" in request ? frames() : request;
    const answer = await client[method.localName]?.(input, { headers, onHeader });
    return {
      code: "OK",
      message: "",
      answer: toJson(method.output, answer as never),
      details: [],
      requestId,
      pushbackMs: null,
    };
  } catch (cause) {
    const { code, rawMessage, details, metadata } = ConnectError.from(cause);
    return {
      code: codeName(code),
      message: rawMessage,
      answer: null,
      details: details.map((each) => detailOf("type" in each ? each : { type: "", value: none })),
      requestId: metadata.get("x-request-id"),
      pushbackMs: metadata.get("grpc-retry-pushback-ms"),
    };
  }
}

type Caller = (input: object, options: object) => Promise<object>;
type Frame = Parameters<ReturnType<typeof openUpload>["send"]>[0];
const none = new Uint8Array();

/** `{ open: … }` is short for `{ frame: { case: "open", value: … } }`. */
function framesOf(request: object): Frame[] {
  const { frames } = request as { frames: readonly object[] };
  return frames.flatMap((frame) =>
    Object.entries(frame).map(([name, value]) => ({ frame: { case: name, value } }) as Frame),
  );
}

const detailSchemas = [BadRequestSchema, ErrorInfoSchema, RetryInfoSchema, UploadProgressSchema];

function detailOf({ type, value }: { type: string; value: Uint8Array }): JsonValue {
  const schema = detailSchemas.find(({ typeName }) => typeName === type);
  if (schema === undefined) throw new Error(`unexpected detail ${type}`);
  return { "@type": type, ...(toJson(schema, fromBinary(schema, value)) as JsonObject) };
}

/** The code, the reason unless it says nothing new, and the refused fields. */
function summaryOf({ code, details }: Outcome): string {
  const parts = [code];
  for (const detail of details as JsonObject[]) {
    const { reason, fieldViolations = [] } = detail as {
      reason?: string;
      fieldViolations?: { field: string }[];
    };
    if (reason !== undefined && reason !== "INVALID_REQUEST") parts.push(reason);
    parts.push(...fieldViolations.map(({ field }) => field));
  }
  return parts.join(" ");
}

/**
 * The outcome without what differs from one server to the next: drawn ids become the order in which the
 * world saw them, and times of today and page tokens become one and the same.
 */
function comparable({ ids }: World, { requestId, ...outcome }: Outcome): unknown {
  const text = JSON.stringify({ ...outcome, hasRequestId: requestId !== null })
    .replace(/\b((org|prj)_[a-z2-7]{20}|[a-z2-7]{16})\b|tly_proj_\w+|test 0\.\d+/g, (id) => {
      if (!ids.includes(id)) ids.push(id);
      return `<id ${ids.indexOf(id)}>`;
    })
    .replace(/\b20\d\d-\d\d-\d\dT[\d:.]+Z/g, (time) =>
      Math.abs(Date.parse(time) - Date.now()) < 86_400_000 ? "<today>" : time,
    )
    .replace(/"nextPageToken":"[^"]+"/, '"nextPageToken":"<page>"');
  return JSON.parse(text);
}

describe("every protocol", () => {
  it.each(rows)("answers $name ($method) alike", async (row) => {
    const outcomes = await Promise.all(worlds.map((world) => outcomeOf(world, row)));
    const [first, ...others] = worlds.map((world, i) => {
      const outcome = outcomes[i];
      if (outcome === undefined) throw new Error("no outcome");
      expect(summaryOf(outcome), world.protocol).toBe(row.outcome);
      return comparable(world, outcome);
    });
    expect(first).toMatchObject({ hasRequestId: true });
    for (const other of others) expect(other).toEqual(first);
    if (row.answer !== undefined) expect(first).toMatchObject({ answer: row.answer });
  });

  it("is asked forty different things at least", () => {
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    expect(rows.length).toBeGreaterThanOrEqual(40);
  });
});
