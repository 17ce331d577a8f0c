import { afterAll, beforeAll, expect, it } from "vitest";
import { Scope, TokenKind } from "../../../gen/tally/v1/tenancy_pb.js";
import { errorReason } from "../../../src/client/index.js";
import { Connection } from "../../../src/db/client.js";
import { readVersion } from "../../../src/version.js";
import { failure as failureOf } from "../../support/failure.js";
import { startTestServer, type TestServer } from "../../support/server.js";
import { failure, TenancyLab } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const callerOf = (token: string) => server.client(token).tenancy.getCaller({});

it("shows an admin its token, and no project", async () => {
  const { token, project, serverVersion, faultsEnabled } = await callerOf(server.adminToken);
  expect(token).toMatchObject({ tokenId: "configured", kind: TokenKind.ADMIN, scopes: [] });
  expect(project).toBeUndefined();
  expect(serverVersion).toBe(readVersion());
  expect(faultsEnabled).toBe(false);
});

it.each<[string, () => string, Scope[]]>([
  ["reads", () => server.readToken, [Scope.READ]],
  ["sends alone", () => server.ingestToken, [Scope.INGEST]],
  ["does everything", () => server.allToken, [Scope.INGEST, Scope.READ, Scope.MANAGE]],
])("shows a project's token that %s its scopes and its project", async (_, secret, scopes) => {
  const { token, project } = await callerOf(secret());
  const { projectId, organizationId } = server;
  expect(token).toMatchObject({ kind: TokenKind.PROJECT, projectId, name: "test", scopes });
  expect(secret()).toContain(`_${token?.tokenId}_`);
  expect(project).toMatchObject({ projectId, organizationId, name: "shop" });
});

it("shows the settings of its project to a token that may read them, as GetProject does", async () => {
  expect((await callerOf(server.readToken)).project?.settings).toBeDefined();
  expect((await callerOf(server.manageToken)).project?.settings).toBeDefined();
  expect((await callerOf(server.ingestToken)).project?.settings).toBeUndefined();
});

it("says when the operator has faults on", async () => {
  await using other = await startTestServer({ env: { TALLY_FAULTS: "1" } });
  const { faultsEnabled } = await other.client(other.ingestToken).tenancy.getCaller({});
  expect(faultsEnabled).toBe(true);
});

it("refuses a token that has ended, and says why", async () => {
  const { tenancy } = server.client();
  const { projectId } = server;
  const made = () => tenancy.createToken({ projectId, name: "ends", scopes: [Scope.READ] });
  const revoked = await made();
  await tenancy.revokeToken({ tokenId: revoked.token?.tokenId ?? "" });
  expect(errorReason(await failureOf(callerOf(revoked.secret)))).toBe("TOKEN_REVOKED");
  const expired = await made();
  await using db = new Connection({ url: server.databaseUrl, prepare: false });
  await db.query("UPDATE tokens SET expires_at = now() - interval '1 second' WHERE token_id = $1", [
    expired.token?.tokenId ?? "",
  ]);
  expect(errorReason(await failureOf(callerOf(expired.secret)))).toBe("TOKEN_EXPIRED");
});

it("answers over a GET, which browsers may repeat", async () => {
  const query = "connect=v1&encoding=json&message=%7B%7D";
  const response = await fetch(`${server.url}/tally.v1.TenancyService/GetCaller?${query}`, {
    headers: { authorization: `Bearer ${server.readToken}` },
  });
  expect(await response.json()).toMatchObject({ project: { projectId: server.projectId } });
});

it("refuses a token whose project was deleted since the call was let in", async () => {
  await using lab = await TenancyLab.start();
  const projectId = await lab.project();
  const { token } = await lab.call("createToken", { projectId, name: "x", scopes: [Scope.READ] });
  const caller = { ...(await lab.member(projectId, "read")), tokenId: token?.tokenId ?? "" };
  expect(await lab.call("getCaller", {}, caller)).toMatchObject({ token });
  await lab.call("deleteProject", { projectId });
  expect(await failure(lab.call("getCaller", {}, caller))).toMatchObject({
    code: "Unauthenticated",
    reason: "TOKEN_REVOKED",
  });
});
