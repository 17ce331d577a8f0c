import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Scope, TokenKind } from "../../../gen/tally/v1/tenancy_pb.js";
import { TokenAuthenticator } from "../../../src/auth/token-authenticator.js";
import { createLogger } from "../../../src/log.js";
import { failure, losingAnswers, TenancyLab } from "./support.js";

let lab: TenancyLab;
beforeAll(async () => {
  lab = await TenancyLab.start();
});
afterAll(() => lab[Symbol.asyncDispose]());

it("creates a project's token that works, and never shows its secret again", async () => {
  const projectId = await lab.project();
  const expireTime = timestampFromMs(Date.now() + 3_600_000);
  const scopes = [Scope.MANAGE, Scope.INGEST, Scope.INGEST];
  const request = { projectId, name: " ci ", scopes, expireTime };
  const { token, secret } = await lab.call("createToken", request);
  expect(token).toMatchObject({
    kind: TokenKind.PROJECT,
    projectId,
    name: "ci",
    scopes: [Scope.INGEST, Scope.MANAGE],
    expireTime: { seconds: expireTime.seconds },
  });
  expect(token?.revokeTime).toBeUndefined();
  expect(secret).toMatch(/^tly_proj_[a-z2-7]{16}_[0-9a-f]{64}_[0-9a-f]{8}$/);
  await using auth = authenticator();
  expect(await auth.authenticate(`Bearer ${secret}`, "")).toMatchObject({
    kind: "project",
    projectId,
    scopes: new Set(["ingest", "manage"]),
  });
  const { tokens } = await lab.call("listTokens", { projectId });
  expect(tokens).toMatchObject([token]);
  const stored = await lab.pool.query("SELECT t::text FROM tokens t");
  const shown = JSON.stringify([stored, lab.lines, tokens.map(({ name }) => name)]);
  expect(shown).not.toContain(secret.split("_")[3]);
  expect(lab.lines).toContainEqual(
    expect.objectContaining({
      event: "token_created",
      project_id: projectId,
      created_token_id: token?.tokenId,
      duration_ms: expect.any(Number),
    }),
  );
});

it("creates an admin token for an admin that names no project", async () => {
  const { token, secret } = await lab.call("createToken", { name: "second admin" });
  expect(token).toMatchObject({ kind: TokenKind.ADMIN, projectId: "", scopes: [] });
  await using auth = authenticator();
  expect(await auth.authenticate(`Bearer ${secret}`, "")).toMatchObject({ kind: "admin" });
  const { tokens } = await lab.call("listTokens", {});
  expect(tokens.map(({ tokenId }) => tokenId)).toContain(token?.tokenId);
});

it.each([
  ["no scope for a project's token", true, { scopes: [] }, "scopes"],
  ["a scope for an admin token", false, { scopes: [Scope.READ] }, "scopes"],
  ["an unknown scope", true, { scopes: [Scope.READ, 9 as Scope] }, "scopes[1]"],
  ["the unspecified scope", true, { scopes: [Scope.UNSPECIFIED] }, "scopes[0]"],
  ["a blank name", true, { scopes: [Scope.READ], name: " " }, "name"],
  ["a time that has passed", true, { scopes: [1], expireTime: timestampFromMs(1) }, "expire_time"],
  [
    "a time that is none",
    true,
    { scopes: [1], expireTime: { seconds: 9_999_999_999_999n, nanos: 0 } },
    "expire_time",
  ],
])("refuses %s", async (_, ofProject, change, field) => {
  const projectId = ofProject ? await lab.project() : "";
  const request = { projectId, name: "x", ...change };
  expect(await failure(lab.call("createToken", request))).toMatchObject({
    code: "InvalidArgument",
    fields: [field],
  });
});

it("lets a project's token give away its own scopes in its own project alone", async () => {
  const projectId = await lab.project();
  const member = await lab.member(projectId, "manage", "read");
  const scopes = [Scope.READ];
  const { token } = await lab.call("createToken", { name: "reader", scopes }, member);
  expect(token).toMatchObject({ kind: TokenKind.PROJECT, projectId, scopes });
  const more = { name: "writer", scopes: [Scope.READ, Scope.INGEST] };
  expect(await failure(lab.call("createToken", more, member))).toMatchObject({
    code: "PermissionDenied",
    reason: "SCOPE_MISSING",
    metadata: { needed: "ingest" },
  });
  const { tokens } = await lab.call("listTokens", {}, member);
  expect(tokens.map(({ tokenId }) => tokenId)).toEqual([token?.tokenId]);
});

it("lets no token outlive the project's token that makes it", async () => {
  const projectId = await lab.project();
  const endMs = Date.now() + 3_600_000;
  const until = (ms: number) => ({ expireTime: timestampFromMs(ms) });
  const ending = { projectId, name: "a", scopes: [Scope.MANAGE, Scope.READ], ...until(endMs) };
  const { token } = await lab.call("createToken", ending);
  const member = {
    ...(await lab.member(projectId, "manage", "read")),
    tokenId: token?.tokenId ?? "",
  };
  const wanted = { name: "b", scopes: [Scope.READ] };
  for (const later of [{}, until(endMs + 1)]) {
    expect(await failure(lab.call("createToken", { ...wanted, ...later }, member))).toMatchObject({
      code: "InvalidArgument",
      fields: ["expire_time"],
    });
  }
  const made = await lab.call("createToken", { ...wanted, ...until(endMs) }, member);
  expect(made.token?.expireTime).toEqual(token?.expireTime);
  const byAdmin = await lab.call("createToken", { ...wanted, projectId, ...until(endMs + 1) });
  expect(byAdmin.token?.expireTime).toBeDefined();
});

it("makes one token when the answer of the first attempt is lost", async () => {
  const projectId = await lab.project();
  const db = losingAnswers(lab.pool, /INSERT INTO tokens/);
  const request = { projectId, name: "once", scopes: [Scope.READ] };
  const { secret } = await lab.call("createToken", request, undefined, db);
  expect(db.lost).toBe(1);
  expect((await lab.call("listTokens", { projectId })).tokens).toHaveLength(1);
  await using auth = authenticator();
  await auth.authenticate(`Bearer ${secret}`, "");
});

it("pages tokens newest first", async () => {
  const projectId = await lab.project();
  for (const name of ["1", "2", "3", "4", "5"]) {
    await lab.call("createToken", { projectId, name, scopes: [Scope.READ] });
  }
  const names: string[] = [];
  let pageToken = "";
  do {
    const page = await lab.call("listTokens", { projectId, pageSize: 2, pageToken });
    names.push(...page.tokens.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(names).toEqual(["5", "4", "3", "2", "1"]);
});

it("revokes a token once; again is a success with the same time", async () => {
  const projectId = await lab.project();
  const made = await lab.call("createToken", { projectId, name: "x", scopes: [Scope.READ] });
  const tokenId = made.token?.tokenId ?? "";
  const db = losingAnswers(lab.pool, /SET revoked_at/);
  const first = await lab.call("revokeToken", { tokenId }, undefined, db);
  expect(first.token?.revokeTime).toBeDefined();
  expect(db.lost).toBe(1);
  const logged = () => lab.lines.filter((line) => line["revoked_token_id"] === tokenId);
  expect(logged()).toHaveLength(1);
  expect(await lab.call("revokeToken", { tokenId })).toMatchObject({ token: first.token });
  expect(logged()).toHaveLength(1);
  const { auditEntries } = await lab.call("listAuditEntries", { projectId });
  expect(auditEntries.map(({ action, subjectId }) => [action, subjectId])).toEqual([
    ["token_revoked", tokenId],
    ["token_created", tokenId],
    ["project_created", projectId],
  ]);
});

it("logs a revocation", async () => {
  const { token } = await lab.call("createToken", { name: "x" });
  const tokenId = token?.tokenId ?? "";
  await lab.call("revokeToken", { tokenId });
  expect(lab.lines).toContainEqual(
    expect.objectContaining({
      event: "token_revoked",
      revoked_token_id: tokenId,
      request_id: "req-1",
      duration_ms: expect.any(Number),
    }),
  );
});

it("does not find another project's token, an admin's, or none at all", async () => {
  const member = await lab.member(await lab.project(), "manage");
  const projectId = await lab.project();
  const other = await lab.call("createToken", { projectId, name: "x", scopes: [Scope.READ] });
  const admin = await lab.call("createToken", { name: "x" });
  for (const tokenId of [other.token?.tokenId, admin.token?.tokenId, "unknown", "a\0b"]) {
    expect(
      await failure(lab.call("revokeToken", { tokenId: tokenId ?? "" }, member)),
    ).toMatchObject({ code: "NotFound", reason: "TOKEN_NOT_FOUND" });
  }
  for (const { token } of [other, admin]) {
    const [row] = await lab.pool.query("SELECT revoked_at FROM tokens WHERE token_id = $1", [
      token?.tokenId ?? "",
    ]);
    expect(row).toEqual({ revoked_at: null });
  }
  expect(await failure(lab.call("revokeToken", { tokenId: "a\0b" }))).toMatchObject({
    code: "NotFound",
  });
});

it("shows a project its own audit entries, page by page", async () => {
  const projectId = await lab.project();
  const member = await lab.member(projectId, "manage");
  for (const name of ["1", "2", "3"]) {
    await lab.call("createToken", { name, scopes: [Scope.MANAGE] }, member);
  }
  await lab.project();
  const first = await lab.call("listAuditEntries", { pageSize: 3 }, member);
  expect(first.auditEntries.map(({ action, actorTokenId }) => [action, actorTokenId])).toEqual(
    Array(3).fill(["token_created", "amember"]),
  );
  const pageToken = first.nextPageToken;
  const rest = await lab.call("listAuditEntries", { pageSize: 3, pageToken }, member);
  expect(rest.auditEntries.map((each) => [each.action, each.projectId, each.count])).toEqual([
    ["project_created", projectId, 1n],
  ]);
  expect(rest.nextPageToken).toBe("");
});

function authenticator(): TokenAuthenticator {
  const log = createLogger("silent");
  return new TokenAuthenticator({ db: lab.pool, hasher: lab.hasher, now: Date.now, log });
}
