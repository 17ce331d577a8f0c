import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { RejectionService, ReplayOutcome } from "../../gen/tally/v1/rejection_service_pb.js";
import { StatsService } from "../../gen/tally/v1/stats_service_pb.js";
import { TenancyService } from "../../gen/tally/v1/tenancy_service_pb.js";
import type { TallyClient } from "../../src/client/index.js";
import { Connection } from "../../src/db/client.js";
import { startTestServer, type TestServer } from "../support/server.js";

/** Two servers' worth of tenants on one database: `mine` calls, `theirs` must stay unseen. */
let mine: TestServer;
let theirs: TestServer;
let expired: string;
let revoked: string;
beforeAll(async () => {
  mine = await startTestServer();
  theirs = await startTestServer({ databaseUrl: mine.databaseUrl });
  const { tenancy } = mine.client();
  const { projectId } = mine;
  const scopes = [1, 2, 3];
  const soon = { seconds: BigInt(Math.floor(Date.now() / 1000) + 3600), nanos: 0 };
  const short = await tenancy.createToken({ projectId, name: "x", scopes, expireTime: soon });
  expired = short.secret;
  const gone = await tenancy.createToken({ projectId, name: "x", scopes });
  revoked = gone.secret;
  await tenancy.revokeToken({ tokenId: gone.token?.tokenId ?? "" });
  await using db = new Connection({ url: mine.databaseUrl, prepare: false });
  await db.query("UPDATE tokens SET expires_at = now() - interval '1 second' WHERE token_id = $1", [
    short.token?.tokenId ?? "",
  ]);
  await theirs.client(theirs.ingestToken).ingest.ingestRun({ run: { runId: "theirs" } });
});
afterAll(async () => {
  await theirs[Symbol.asyncDispose]();
  await mine[Symbol.asyncDispose]();
});

type Access = "admin" | "ingest" | "read" | "manage" | "manage-or-read";
interface Entry {
  readonly access: Access;
  /** A request of another tenant's things, and how it names them; null where the RPC names none. */
  readonly foreign: ((s: TestServer) => object) | null;
}

/** Every RPC of the contract: who may call it, and how it could reach into another project. */
const walk: Readonly<Record<string, Entry>> = {
  createOrganization: { access: "admin", foreign: null },
  getOrganization: { access: "admin", foreign: null },
  listOrganizations: { access: "admin", foreign: null },
  deleteOrganization: { access: "admin", foreign: null },
  createProject: { access: "admin", foreign: null },
  getProject: { access: "manage-or-read", foreign: ({ projectId }) => ({ projectId }) },
  listProjects: { access: "admin", foreign: null },
  updateProject: {
    access: "manage",
    foreign: ({ projectId }) => ({
      project: { projectId, name: "taken over" },
      updateMask: { paths: ["name"] },
    }),
  },
  deleteProject: { access: "admin", foreign: null },
  createToken: {
    access: "manage",
    foreign: ({ projectId }) => ({ projectId, name: "x", scopes: [3] }),
  },
  listTokens: { access: "manage", foreign: ({ projectId }) => ({ projectId }) },
  revokeToken: {
    access: "manage",
    foreign: ({ ingestToken }) => ({ tokenId: ingestToken.split("_")[2] }),
  },
  listAuditEntries: { access: "manage", foreign: ({ projectId }) => ({ projectId }) },
  getRetentionReport: { access: "manage", foreign: ({ projectId }) => ({ projectId }) },
  ingestRun: {
    access: "ingest",
    foreign: ({ projectId }) => ({ projectId, run: { runId: "intruder" } }),
  },
  uploadResults: {
    access: "ingest",
    foreign: ({ projectId }) => ({ projectId, run: { runId: "intruder" } }),
  },
  publishResults: {
    access: "ingest",
    foreign: ({ projectId }) => ({ projectId, run: { runId: "intruder" } }),
  },
  finishRun: { access: "ingest", foreign: ({ projectId }) => ({ projectId, runId: "theirs" }) },
  deleteRun: { access: "manage", foreign: ({ projectId }) => ({ projectId, runId: "theirs" }) },
  listRejections: { access: "read", foreign: ({ projectId }) => ({ projectId }) },
  replayRejections: { access: "manage", foreign: ({ projectId }) => ({ projectId, filter: {} }) },
  dismissRejections: { access: "manage", foreign: ({ projectId }) => ({ projectId, filter: {} }) },
  listRuns: { access: "read", foreign: ({ projectId }) => ({ projectId }) },
  getRun: { access: "read", foreign: ({ projectId }) => ({ projectId, runId: "theirs" }) },
};

const services: [keyof TallyClient, DescService][] = [
  ["tenancy", TenancyService],
  ["ingest", IngestService],
  ["rejections", RejectionService],
  ["stats", StatsService],
];
const methods = services.flatMap(([client, service]) =>
  service.methods.map((method) => [method.localName, client, method] as const),
);

/** Calls a method with a request (of a stream: its `open`); OK, or the code of its error. */
async function call(
  client: TallyClient,
  name: keyof TallyClient,
  method: DescMethod,
  request: object,
) {
  const service = client[name] as unknown as Record<string, (input: unknown) => unknown>;
  async function* frames() {
    yield { frame: { case: "open", value: request } };
  }
  try {
    const streams = method.methodKind !== "unary";
    const answer = service[method.localName]?.(streams ? frames() : request);
    if (method.methodKind === "bidi_streaming") {
      for await (const _ of answer as AsyncIterable<unknown>);
    } else await answer;
    return "OK";
  } catch (error) {
    return Code[(error as ConnectError).code] ?? String(error);
  }
}

it("has an entry for every RPC", () => {
  expect(methods.map(([name]) => name).sort()).toEqual(Object.keys(walk).sort());
});

describe.each(methods)("%s", (name, client, method) => {
  const entry = walk[name];
  const may = (access: Access | undefined, scope: string) =>
    access === scope || (access === "manage-or-read" && (scope === "manage" || scope === "read"));

  it("lets in who has the scope, and nobody else", async () => {
    const outcomeOf = (token?: string) =>
      call(token === undefined ? mine.client("") : mine.client(token), client, method, {});
    for (const token of [
      undefined,
      "garbage",
      "tly_proj_aaaaaaaaaaaaaaaa_00_00",
      expired,
      revoked,
    ]) {
      expect(await outcomeOf(token)).toBe("Unauthenticated");
    }
    const tokens = { ingest: mine.ingestToken, read: mine.readToken, manage: mine.manageToken };
    for (const [scope, token] of Object.entries(tokens)) {
      const outcome = await outcomeOf(token);
      if (may(entry?.access, scope)) expect(outcome).not.toBe("PermissionDenied");
      else expect(outcome, scope).toBe("PermissionDenied");
    }
    expect(["Unauthenticated", "PermissionDenied"]).not.toContain(await outcomeOf(mine.adminToken));
  });

  it.runIf(entry?.foreign != null)("answers NOT_FOUND for another project's ids", async () => {
    const request = entry?.foreign?.(theirs) ?? {};
    expect(await call(mine.client(mine.allToken), client, method, request)).toBe("NotFound");
  });
});

it("finds another project's runs and rejections by no id of theirs", async () => {
  const refused = await theirs.client(theirs.ingestToken).ingest.ingestRun({
    run: { runId: "theirs" },
    results: [{ status: 1 }],
  });
  const rejectionId = refused.rejections[0]?.rejectionId ?? "";
  const { stats, ingest, rejections } = mine.client(mine.allToken);
  await expect(stats.getRun({ runId: "theirs" })).rejects.toThrow("[not_found]");
  await expect(ingest.finishRun({ runId: "theirs" })).rejects.toThrow("[not_found]");
  await expect(ingest.deleteRun({ runId: "theirs" })).rejects.toThrow("[not_found]");
  const { results } = await rejections.replayRejections({ entries: [{ rejectionId }] });
  expect(results).toMatchObject([{ outcome: ReplayOutcome.NOT_FOUND }]);
  const dismissed = await rejections.dismissRejections({ rejectionIds: [rejectionId] });
  expect(dismissed.skippedRejectionIds).toEqual([rejectionId]);
});
