/** Every RPC, with every kind of token, and with the ids of another tenant: promise P7. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventService } from "../../gen/tally/v1/event_service_pb.js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService, ReplayOutcome } from "../../gen/tally/v1/rejection_service_pb.js";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { Scope } from "../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import {
  type ClosableTransport,
  createGrpcTransport,
  errorMetadata,
  errorReason,
  fieldViolations,
} from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import type { Access } from "../../src/rpc/access.js";
import { codeName } from "../../src/server/code-name.js";
import { failure } from "../support/failure.js";
import { startTestServer, type TestServer } from "../support/server.js";

/** What a request can name. */
interface Ids {
  readonly organizationId: string;
  readonly projectId: string;
  readonly runId: string;
  readonly tokenId: string;
  readonly rejectionId: string;
  readonly eventId: string;
  readonly testId: string;
}

interface Entry {
  readonly access: Exclude<Access, "public">;
  /** The ids that must exist for the call to succeed. */
  readonly ids: readonly (keyof Ids)[];
  /** A request that succeeds with the ids of one's own; of a stream: its `open`. */
  readonly request: (ids: Ids) => object;
}

/** Names that no call before has taken. */
let drawn = 0;
const unique = (prefix: string) => {
  drawn += 1;
  return `${prefix} ${drawn}`;
};

/** Every RPC of the contract that needs a token: who may call it, and what it reaches. */
const table: Readonly<Record<string, Entry>> = {
  getCaller: { access: "any-token", ids: [], request: () => ({}) },
  createOrganization: {
    access: "admin",
    ids: [],
    request: () => ({ name: unique("organization") }),
  },
  getOrganization: {
    access: "admin",
    ids: ["organizationId"],
    request: ({ organizationId }) => ({ organizationId }),
  },
  listOrganizations: { access: "admin", ids: [], request: () => ({}) },
  deleteOrganization: {
    access: "admin",
    ids: ["organizationId"],
    request: ({ organizationId }) => ({ organizationId, force: true }),
  },
  createProject: {
    access: "admin",
    ids: ["organizationId"],
    request: ({ organizationId }) => ({ organizationId, name: unique("project") }),
  },
  getProject: {
    access: "manage-or-read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  listProjects: {
    access: "admin",
    ids: ["organizationId"],
    request: ({ organizationId }) => ({ organizationId }),
  },
  updateProject: {
    access: "manage",
    ids: ["projectId"],
    request: ({ projectId }) => ({
      project: { projectId, name: unique("renamed") },
      updateMask: { paths: ["name"] },
    }),
  },
  deleteProject: {
    access: "admin",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  createToken: {
    access: "manage",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId, name: "made", scopes: [Scope.MANAGE] }),
  },
  listTokens: { access: "manage", ids: ["projectId"], request: ({ projectId }) => ({ projectId }) },
  revokeToken: { access: "manage", ids: ["tokenId"], request: ({ tokenId }) => ({ tokenId }) },
  listAuditEntries: {
    access: "manage",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  getRetentionReport: {
    access: "manage",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  ingestRun: {
    access: "ingest",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId, run: { runId: unique("run") } }),
  },
  uploadResults: {
    access: "ingest",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId, run: { runId: unique("run") } }),
  },
  publishResults: {
    access: "ingest",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId, run: { runId: unique("run") } }),
  },
  finishRun: {
    access: "ingest",
    ids: ["projectId", "runId"],
    request: ({ projectId, runId }) => ({ projectId, runId }),
  },
  deleteRun: {
    access: "manage",
    ids: ["projectId", "runId"],
    request: ({ projectId, runId }) => ({ projectId, runId }),
  },
  listRejections: {
    access: "read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  getRejection: {
    access: "read",
    ids: ["projectId", "rejectionId"],
    request: ({ projectId, rejectionId }) => ({ projectId, rejectionId }),
  },
  replayRejections: {
    access: "manage",
    ids: ["projectId"],
    request: ({ projectId, rejectionId }) => ({ projectId, entries: [{ rejectionId }] }),
  },
  dismissRejections: {
    access: "manage",
    ids: ["projectId"],
    request: ({ projectId, rejectionId }) => ({ projectId, rejectionIds: [rejectionId] }),
  },
  listRuns: { access: "read", ids: ["projectId"], request: ({ projectId }) => ({ projectId }) },
  getRun: {
    access: "read",
    ids: ["projectId", "runId"],
    request: ({ projectId, runId }) => ({ projectId, runId }),
  },
  listResults: {
    access: "read",
    ids: ["projectId", "runId", "testId"],
    request: ({ projectId, runId, testId }) => ({ projectId, runId, testId }),
  },
  compareRuns: {
    access: "read",
    ids: ["projectId", "runId"],
    request: ({ projectId, runId }) => ({ projectId, baseRunId: runId, headRunId: runId }),
  },
  watchRuns: {
    access: "read",
    ids: ["projectId", "runId"],
    request: ({ projectId, runId }) => ({ projectId, runId }),
  },
  getProjectStats: {
    access: "read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  queryTimeSeries: {
    access: "read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  listTests: { access: "read", ids: ["projectId"], request: ({ projectId }) => ({ projectId }) },
  getTestHistory: {
    access: "read",
    ids: ["projectId", "testId"],
    request: ({ projectId, testId }) => ({ projectId, testId }),
  },
  listFlakyTests: {
    access: "read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  listFailureGroups: {
    access: "read",
    ids: ["projectId", "runId"],
    request: ({ projectId, runId }) => ({ projectId, runId }),
  },
  getIngestStats: {
    access: "read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  ingestEvent: {
    access: "ingest",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId, event: eventInput(unique("client")) }),
  },
  ingestEvents: {
    access: "ingest",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  getEvent: {
    access: "read",
    ids: ["projectId", "eventId"],
    request: ({ projectId, eventId }) => ({ projectId, eventId }),
  },
  listEvents: { access: "read", ids: ["projectId"], request: ({ projectId }) => ({ projectId }) },
  aggregateEvents: {
    access: "read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
  getEventStats: {
    access: "read",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId, client: "client" }),
  },
  reprocessEvents: {
    access: "manage",
    ids: ["projectId"],
    request: ({ projectId }) => ({ projectId }),
  },
};

function eventInput(client: string) {
  const event = { client, event_type: "page_view", ts: 1_700_000_000 };
  return { payload: { case: "json" as const, value: Buffer.from(JSON.stringify(event)) } };
}

const services: readonly DescService[] = [
  TenancyService,
  IngestService,
  EventService,
  RejectionService,
  StatsService,
];
const methods = services
  .flatMap((service) => service.methods)
  .filter((method) => method !== TenancyService.method.exchangeSignInCode);

/** Two tenants on one database: `mine` calls, `theirs` must stay unseen and untouched. */
let mine: TestServer;
let theirs: TestServer;
let own: Ids;
let their: Ids;
let theirsBefore: unknown;
let expiredToken: string;
let revokedToken: string;
let grpc: ClosableTransport;
let connect: Transport;

beforeAll(async () => {
  mine = await startTestServer();
  theirs = await startTestServer({ databaseUrl: mine.databaseUrl });
  grpc = createGrpcTransport({ url: mine.url });
  connect = createConnectTransport({ baseUrl: mine.url, httpVersion: "1.1" });
  await makeEndedTokens();
  own = await fillProject(mine);
  their = await fillProject(theirs);
  theirsBefore = await lookAt(theirs);
});
afterAll(async () => {
  grpc.close();
  await theirs[Symbol.asyncDispose]();
  await mine[Symbol.asyncDispose]();
});

/** Two tokens with every scope, of which one has expired and one is revoked. */
async function makeEndedTokens(): Promise<void> {
  const { tenancy } = mine.client();
  const { projectId } = mine;
  const scopes = [Scope.INGEST, Scope.READ, Scope.MANAGE];
  const inAnHour = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600) };
  const short = await tenancy.createToken({
    projectId,
    name: "short",
    scopes,
    expireTime: inAnHour,
  });
  expiredToken = short.secret;
  await using db = new Connection({ url: mine.databaseUrl, prepare: false });
  await db.query("UPDATE tokens SET expires_at = now() - interval '1 second' WHERE token_id = $1", [
    short.token?.tokenId ?? "",
  ]);
  const gone = await tenancy.createToken({ projectId, name: "gone", scopes });
  revokedToken = gone.secret;
  await tenancy.revokeToken({ tokenId: gone.token?.tokenId ?? "" });
}

/** A run with a refused result, and a token: what requests of the project can name. */
async function fillProject(server: TestServer): Promise<Ids> {
  const { organizationId, projectId } = server;
  const { runId, rejectionId } = await newRun(server);
  const eventId = await newEvent(server);
  const { results } = await server.client().stats.listResults({ projectId, runId });
  return {
    organizationId,
    projectId,
    runId,
    rejectionId,
    eventId,
    testId: results[0]?.testId ?? "",
    tokenId: await newToken(server),
  };
}

async function newEvent({ client, ingestToken }: TestServer): Promise<string> {
  const sent = await client(ingestToken).events.ingestEvent({
    event: eventInput(unique("filled")),
  });
  return sent.event?.eventId ?? "";
}

async function newRun({ client, ingestToken }: TestServer) {
  const runId = `${unique("filled")}, the end`;
  const { rejections } = await client(ingestToken).ingest.ingestRun({
    run: { runId },
    // Equal tests have equal ids, whosever they are.
    results: [{ test: { name: unique("kept") }, status: Status.PASSED }, { status: Status.PASSED }],
  });
  return { runId, rejectionId: rejections[0]?.rejectionId ?? "" };
}

async function newToken({ client, projectId }: TestServer): Promise<string> {
  const scopes = [Scope.READ];
  const { token } = await client().tenancy.createToken({ projectId, name: "unused", scopes });
  return token?.tokenId ?? "";
}

/** Ids of one's own that a call may use up: those that it names are new. */
async function ownIds({ access, ids }: Entry): Promise<Ids> {
  const { tenancy } = mine.client();
  let { organizationId, projectId, runId, tokenId } = own;
  if (ids.includes("organizationId")) {
    const { organization } = await tenancy.createOrganization({ name: unique("own") });
    organizationId = organization?.organizationId ?? "";
  }
  if (access === "admin" && ids.includes("projectId")) {
    const { project } = await tenancy.createProject({ organizationId, name: unique("own") });
    projectId = project?.projectId ?? "";
  }
  if (ids.includes("runId")) ({ runId } = await newRun(mine));
  if (ids.includes("tokenId")) tokenId = await newToken(mine);
  return {
    organizationId,
    projectId,
    runId,
    tokenId,
    rejectionId: own.rejectionId,
    eventId: own.eventId,
    testId: own.testId,
  };
}

/** All that a tenant can see of itself and that a call could change. */
async function lookAt({ client, organizationId, projectId }: TestServer) {
  const { tenancy, stats, rejections, events } = client();
  const { tokens } = await tenancy.listTokens({ projectId });
  const { auditEntries } = await tenancy.listAuditEntries({ projectId });
  return {
    organization: await tenancy.getOrganization({ organizationId }),
    project: await tenancy.getProject({ projectId }),
    tokens: tokens.map(({ tokenId, revokeTime }) => ({ tokenId, revokeTime })),
    auditEntries,
    runs: await stats.listRuns({ projectId }),
    rejections: await rejections.listRejections({ projectId }),
    events: await events.listEvents({ projectId }),
    // The estimate of bytes is a share of the tables, which others fill too.
    kept: { ...(await tenancy.getRetentionReport({ projectId })), estimatedResultBytes: 0n },
  };
}

interface Outcome {
  readonly code: string;
  readonly answer?: unknown;
  readonly message?: string;
  readonly reason?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly object[];
}

/** Calls a method of `mine` with an authorization header, or none. */
async function send(
  transport: Transport,
  method: DescMethod,
  token: string | null,
  request: object,
): Promise<Outcome> {
  const client = createClient(method.parent, transport) as Client<DescService>;
  const call = client[method.localName] as unknown as (
    input: object,
    options: object,
  ) => Promise<object> | AsyncIterable<object>;
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  async function* frames() {
    yield { frame: { case: "open", value: request } };
    yield { frame: { case: "finish", value: {} } };
  }
  try {
    const sendsOne = method.methodKind === "unary" || method.methodKind === "server_streaming";
    const ended = new AbortController();
    const answer = call(sendsOne ? request : frames(), { headers, signal: ended.signal });
    if (!(Symbol.asyncIterator in answer)) return { code: "OK", answer: await answer };
    const answers: object[] = [];
    for await (const each of answer) {
      answers.push(each);
      // A watch goes on for ever.
      if (sendsOne) break;
    }
    ended.abort();
    return { code: "OK", answer: answers };
  } catch (cause) {
    const error = ConnectError.from(cause);
    return {
      code: codeName(error.code),
      message: error.rawMessage,
      reason: errorReason(error),
      metadata: errorMetadata(error),
      violations: fieldViolations(error),
    };
  }
}

it("has an entry for every RPC that needs a token, which names every id that the request has", () => {
  expect(Object.keys(table).sort()).toEqual(methods.map(({ localName }) => localName).sort());
  const idFields = [
    "organizationId",
    "projectId",
    "runId",
    "tokenId",
    "rejectionId",
    "eventId",
    "testId",
  ];
  for (const { localName, methodKind, input } of methods) {
    if (methodKind !== "unary") continue;
    const given = input.fields.map((field) => field.localName).filter((f) => idFields.includes(f));
    expect(table[localName]?.ids, localName).toEqual(expect.arrayContaining(given));
  }
});

describe.each(["gRPC", "Connect"] as const)("over %s", (protocol) => {
  // HTTP/1.1 has no bidirectional stream.
  const reachable = methods.filter((m) => protocol === "gRPC" || m.methodKind !== "bidi_streaming");
  const over = () => (protocol === "gRPC" ? grpc : connect);

  describe.each(reachable.map((method) => [method.name, method] as const))("%s", (_, method) => {
    const entry = table[method.localName] ?? { access: "admin", ids: [], request: () => ({}) };
    const { access, ids } = entry;

    it.each<[string, () => string | null, string]>([
      ["no token", () => null, "UNAUTHENTICATED"],
      ["an empty token", () => "", "UNAUTHENTICATED"],
      ["garbage", () => "garbage", "UNAUTHENTICATED"],
      ["a malformed token", () => "tly_proj_aaaaaaaaaaaaaaaa_00_00", "UNAUTHENTICATED"],
      ["an expired token", () => expiredToken, "TOKEN_EXPIRED"],
      ["a revoked token", () => revokedToken, "TOKEN_REVOKED"],
    ])("is closed to %s", async (_kind, token, reason) => {
      // With ids that exist: who is not let in learns nothing of them.
      const outcome = await send(over(), method, token(), entry.request(their));
      expect(outcome).toMatchObject({ code: "UNAUTHENTICATED", reason, violations: [] });
    });

    it.each<["ingest" | "read" | "manage" | "admin", () => string]>([
      ["ingest", () => mine.ingestToken],
      ["read", () => mine.readToken],
      ["manage", () => mine.manageToken],
      ["admin", () => mine.adminToken],
    ])("lets a token with %s do its work, or names the scope it lacks", async (scope, token) => {
      const outcome = await send(over(), method, token(), entry.request(await ownIds(entry)));
      const allowed: readonly string[] = ["admin", ...access.split("-or-")];
      const isAllowed = access === "any-token" || allowed.includes(scope);
      const lacks = { code: "PERMISSION_DENIED", reason: "SCOPE_MISSING" };
      if (isAllowed) expect(outcome).toMatchObject({ code: "OK" });
      else expect(outcome).toMatchObject({ ...lacks, metadata: { needed: access } });
    });

    it.runIf(ids.length > 0)("answers another tenant's ids as ids that never were", async () => {
      for (const name of ids) {
        const never = their[name].replace(/\w{4}$/, "aaaa");
        const reach = async (token: string, id: string) => {
          const outcome = await send(over(), method, token, entry.request({ ...own, [name]: id }));
          return JSON.parse(JSON.stringify(outcome).replaceAll(id, "<id>")) as Outcome;
        };
        const unknown = await reach(mine.adminToken, never);
        expect(unknown, name).toMatchObject({
          code: "NOT_FOUND",
          reason: `${name.slice(0, -"Id".length).toUpperCase()}_NOT_FOUND`,
        });
        const foreign = await reach(mine.allToken, their[name]);
        // What only an admin may call is closed before any id is looked at.
        if (access === "admin") expect(foreign).toMatchObject({ code: "PERMISSION_DENIED" });
        else expect(foreign, name).toEqual(unknown);
      }
      const all = await send(over(), method, mine.allToken, entry.request(their));
      expect(all.code).toBe(access === "admin" ? "PERMISSION_DENIED" : "NOT_FOUND");
    });
  });
});

describe("another project's", () => {
  it("rejections are NOT_FOUND one by one, beside one's own", async () => {
    const { rejections } = mine.client(mine.allToken);
    const open = await newRun(mine);
    const { results } = await rejections.replayRejections({
      entries: [{ rejectionId: their.rejectionId }, { rejectionId: open.rejectionId }],
    });
    expect(results).toMatchObject([
      { rejectionId: their.rejectionId, outcome: ReplayOutcome.NOT_FOUND },
      { rejectionId: open.rejectionId, outcome: ReplayOutcome.REJECTED },
    ]);
    const dismissed = await rejections.dismissRejections({
      rejectionIds: [their.rejectionId, open.rejectionId],
    });
    expect(dismissed).toMatchObject({
      dismissedCount: 1,
      skippedRejectionIds: [their.rejectionId],
    });
    const everything = await rejections.replayRejections({ filter: { runId: their.runId } });
    expect(everything.results).toEqual([]);
  });

  it("things are in no list", async () => {
    const { tenancy, stats, rejections, events } = mine.client(mine.allToken);
    const lists = [
      await tenancy.getProject({}),
      await tenancy.listTokens({ pageSize: 1000 }),
      await tenancy.listAuditEntries({ pageSize: 1000 }),
      await stats.listRuns({ pageSize: 1000 }),
      await stats.listResults({ runId: own.runId }),
      await rejections.listRejections({ pageSize: 1000 }),
      await events.listEvents({ pageSize: 1000 }),
    ];
    const seen = JSON.stringify(lists, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    expect(Object.values(own).filter((id) => !seen.includes(id))).toEqual([]);
    expect(Object.values(their).filter((id) => seen.includes(id))).toEqual([]);
  });

  it.each([
    "listTokens",
    "listAuditEntries",
    "listRuns",
    "listTests",
    "listRejections",
    "listEvents",
  ] as const)("page of %s leads nowhere", async (list) => {
    const listed = ({ client, allToken }: TestServer, pageToken: string) => {
      const { tenancy, stats, rejections, events } = client(allToken);
      const lists = { ...tenancy, ...stats, ...rejections, ...events };
      return lists[list]({ pageSize: 1, pageToken });
    };
    // What is said of tests follows within seconds.
    await expect.poll(async () => (await listed(mine, "")).nextPageToken).not.toBe("");
    const page = await listed(mine, "");
    await expect(listed(mine, page.nextPageToken)).resolves.toBeDefined();
    const error = await failure(listed(theirs, page.nextPageToken));
    expect(codeName(error.code)).toBe("INVALID_ARGUMENT");
    expect(fieldViolations(error)).toMatchObject([{ field: "page_token" }]);
  });

  it("things are as they were", async () => {
    expect(await lookAt(theirs)).toEqual(theirsBefore);
  });
});
