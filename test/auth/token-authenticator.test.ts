import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { drawToken } from "../../src/auth/draw-token.js";
import type { Principal } from "../../src/auth/principal.js";
import { listAuditEntries } from "../../src/db/audit-entries.js";
import { Connection } from "../../src/db/client.js";
import { DbError } from "../../src/db/errors.js";
import { deleteOrganization } from "../../src/db/organizations.js";
import { deleteProject } from "../../src/db/projects.js";
import type { Queryable } from "../../src/db/queryable.js";
import { readToken, revokeToken } from "../../src/db/tokens.js";
import { startTcpProxy } from "../support/tcp-proxy.js";
import { AuthLab, actor, asAdmin, failureOf, wrongSecret } from "./support.js";

let lab: AuthLab;
let project: { projectKey: string; projectId: string; organizationId: string };
beforeAll(async () => {
  lab = await AuthLab.start();
  project = await lab.project();
});
afterAll(() => lab[Symbol.asyncDispose]());

const HERE = "10.0.0.1";

it("tells an admin and a project's token with its scopes and rate", async () => {
  const auth = lab.authenticator();
  const admin = await lab.token(null);
  expect(await auth.authenticate(admin.header, HERE)).toEqual({
    kind: "admin",
    tokenId: admin.tokenId,
  });
  const own = await lab.token(project.projectKey, { scopes: ["read", "manage"] });
  expect(await auth.authenticate(own.header, HERE)).toEqual({
    kind: "project",
    tokenId: own.tokenId,
    projectId: project.projectId,
    projectKey: project.projectKey,
    scopes: new Set(["read", "manage"]),
    callsPerSecond: 7,
  });
});

it("answers a token that verified before without waiting, hashing or asking", async () => {
  const db = lab.connect(lab.database.url);
  const auth = lab.authenticator(Date.now, db);
  const { header } = await lab.token(project.projectKey);
  const matches = vi.spyOn(lab.hasher, "matches");
  const first = auth.authenticate(header, HERE);
  expect(first).toBeInstanceOf(Promise);
  const others = await Promise.all([1, 2, 3].map(() => auth.authenticate(header, HERE)));
  const principal = await first;
  expect(others).toEqual([principal, principal, principal]);
  for (let i = 0; i < 100; i++) expect(auth.authenticate(header, HERE)).toBe(principal);
  expect(matches).toHaveBeenCalledTimes(1);
  matches.mockRestore();
});

it("gives every other failure one and the same answer", async () => {
  const auth = lab.authenticator();
  const known = await lab.token(project.projectKey);
  const unknown = await lab.token(null);
  await lab.pool.query("DELETE FROM tokens WHERE token_id = $1", [unknown.tokenId]);
  const answers = new Set<string>();
  for (const header of [
    null,
    "",
    "Bearer",
    "Basic abc",
    "Bearer short",
    "Bearer some text of an operator that nobody configured",
    "Bearer \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    `${known.header}0`,
    asAdmin(known),
    wrongSecret(known),
    unknown.header,
  ]) {
    const error = await Promise.resolve()
      .then(() => auth.authenticate(header, HERE))
      .then(
        () => `${header} passed`,
        (e: ConnectError) =>
          JSON.stringify([e.code, e.rawMessage, e.details.length, e.findDetails(ErrorInfoSchema)]),
      );
    answers.add(error);
  }
  expect(answers.size).toBe(1);
  expect([...answers][0]).toContain("UNAUTHENTICATED");
});

it("says expired or revoked only to who has the right secret", async () => {
  const clock = { ms: Date.now() };
  const auth = lab.authenticator(() => clock.ms);
  const expiring = await lab.token(project.projectKey, { expireUs: (clock.ms + 60_000) * 1000 });
  await auth.authenticate(expiring.header, HERE);
  clock.ms += 59_000;
  await auth.authenticate(expiring.header, HERE);
  clock.ms += 1_000;
  expect(await failureOf(() => auth.authenticate(expiring.header, HERE))).toBe(
    "Unauthenticated TOKEN_EXPIRED",
  );
  expect(await failureOf(() => auth.authenticate(wrongSecret(expiring), HERE))).toBe(
    "Unauthenticated UNAUTHENTICATED",
  );

  const revoked = await lab.token(project.projectKey);
  await revokeToken(lab.pool, revoked.tokenId, null, actor, Infinity);
  for (let i = 0; i < 2; i++) {
    expect(await failureOf(() => auth.authenticate(revoked.header, HERE))).toBe(
      "Unauthenticated TOKEN_REVOKED",
    );
  }
  expect(await failureOf(() => auth.authenticate(wrongSecret(revoked), HERE))).toBe(
    "Unauthenticated UNAUTHENTICATED",
  );
});

it("ends a revoked token and its streams on every server, and no other", async () => {
  const servers = [lab.authenticator(), lab.authenticator()];
  const revoked = await lab.token(project.projectKey);
  const other = await lab.token(project.projectKey);
  const ended: string[] = [];
  for (const [i, server] of servers.entries()) {
    for (const token of [revoked, other]) {
      const principal = await server.authenticate(token.header, HERE);
      const name = `${i} ${token === revoked ? "revoked" : "other"}`;
      server.onEnd(principal, (error) => ended.push(`${name} ${reason(error)}`));
      const stop = server.onEnd(principal, () => ended.push("unsubscribed"));
      stop();
    }
  }
  await revokeToken(lab.pool, revoked.tokenId, null, actor, Infinity);
  await expect.poll(() => ended).toHaveLength(2);
  for (const server of servers) {
    expect(await failureOf(() => server.authenticate(revoked.header, HERE))).toBe(
      "Unauthenticated TOKEN_REVOKED",
    );
    expect(await failureOf(() => server.authenticate(other.header, HERE))).toBe("");
  }
  // Further polls see the same revocation, and call nobody again.
  await sleep(1_200);
  expect(ended.sort()).toEqual(["0 revoked TOKEN_REVOKED", "1 revoked TOKEN_REVOKED"]);
});

it("hears of a revocation whose commit took longer than a poll", async () => {
  const auth = lab.authenticator();
  const token = await lab.token(project.projectKey);
  const principal = await auth.authenticate(token.header, HERE);
  const ended = new Promise<string>((resolve) => {
    auth.onEnd(principal, (error) => resolve(reason(error)));
  });
  await using slow = new Connection({ url: lab.database.url, prepare: false });
  await slow.run(`
    BEGIN;
    UPDATE tokens SET revoked_at = clock_timestamp() WHERE token_id = '${token.tokenId}';
    SELECT pg_sleep(1.5);
    COMMIT;`);
  expect(await ended).toBe("TOKEN_REVOKED");
});

it("hears of a revocation that came while the database was away for long", async () => {
  const clock = { ms: Date.now() };
  let away = false;
  const db: Queryable = {
    query: (...args) =>
      away ? Promise.reject(new DbError("transient", "gone", "", "")) : lab.pool.query(...args),
  };
  const auth = lab.authenticator(() => clock.ms, db);
  const token = await lab.token(project.projectKey);
  const principal = await auth.authenticate(token.header, HERE);
  const ended = new Promise<string>((resolve) => {
    auth.onEnd(principal, (error) => resolve(reason(error)));
  });
  away = true;
  await lab.pool.query(
    "UPDATE tokens SET revoked_at = now() - interval '5 minutes' WHERE token_id = $1",
    [token.tokenId],
  );
  clock.ms += 6 * 60_000;
  away = false;
  expect(await ended).toBe("TOKEN_REVOKED");
});

it("ends the streams of a token that expires", async () => {
  const clock = { ms: Date.now() };
  const auth = lab.authenticator(() => clock.ms);
  const token = await lab.token(project.projectKey, { expireUs: (clock.ms + 60_000) * 1000 });
  const principal = await auth.authenticate(token.header, HERE);
  const ended = new Promise<string>((resolve) => {
    auth.onEnd(principal, (error) => resolve(reason(error)));
  });
  clock.ms += 60_001;
  expect(await ended).toBe("TOKEN_EXPIRED");
});

it.each(["project", "organization"])("ends the tokens of a deleted %s", async (what) => {
  const auth = lab.authenticator();
  const doomed = await lab.project();
  const token = await lab.token(doomed.projectKey);
  const principal = await auth.authenticate(token.header, HERE);
  const ended = new Promise<string>((resolve) => {
    auth.onEnd(principal, (error) => resolve(reason(error)));
  });
  if (what === "project") await deleteProject(lab.pool, doomed.projectId, actor, Infinity);
  else await deleteOrganization(lab.pool, doomed.organizationId, true, actor, Infinity);
  expect(await ended).toBe("TOKEN_REVOKED");
  expect(await failureOf(() => auth.authenticate(token.header, HERE))).toBe(
    "Unauthenticated TOKEN_REVOKED",
  );
  // A stream that was let in just before hears of it too.
  const late = new Promise<string>((resolve) => {
    auth.onEnd(principal, (error) => resolve(reason(error)));
  });
  expect(await late).toBe("TOKEN_REVOKED");
});

it("limits wrong secrets for an address and id, and never the token that verified", async () => {
  const auth = lab.authenticator();
  const token = await lab.token(project.projectKey);
  await auth.authenticate(token.header, HERE);
  const failures: string[] = [];
  for (let i = 0; i < 12; i++) {
    failures.push(await failureOf(() => auth.authenticate(wrongSecret(token), HERE)));
  }
  expect(failures.slice(0, 10)).toEqual(Array(10).fill("Unauthenticated UNAUTHENTICATED"));
  expect(failures.slice(10)).toEqual(Array(2).fill("ResourceExhausted AUTH_RATE_LIMITED"));
  expect(await failureOf(() => auth.authenticate(token.header, HERE))).toBe("");
});

it("hashes at most four wrong secrets at once, whatever their addresses", async () => {
  const clock = { ms: Date.now() };
  const auth = lab.authenticator(() => clock.ms);
  const token = await lab.token(project.projectKey);
  const attempts = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      failureOf(() => auth.authenticate(wrongSecret(token), `10.0.1.${i}`)),
    ),
  );
  const count = (failure: string) => attempts.filter((each) => each === failure).length;
  expect(count("Unauthenticated UNAUTHENTICATED")).toBe(4);
  expect(count("ResourceExhausted AUTH_RATE_LIMITED")).toBe(16);
  clock.ms += 1_000;
  expect(await failureOf(() => auth.authenticate(token.header, HERE))).toBe("");
});

it("verifies right secrets one after another when one more wrong one would be too many", async () => {
  const clock = Date.now();
  const auth = lab.authenticator(() => clock);
  const tokens = await Promise.all(Array.from({ length: 5 }, () => lab.token(project.projectKey)));
  const known = await lab.token(project.projectKey);
  for (let i = 0; i < 3; i++) {
    await failureOf(() => auth.authenticate(wrongSecret(known), `10.0.2.${i}`));
  }
  const outcomes = tokens.map(({ header }) => failureOf(() => auth.authenticate(header, HERE)));
  expect(await Promise.all(outcomes)).toEqual(Array(5).fill(""));
});

it("leaves hashes for a new token while suspect addresses send wrong secrets", async () => {
  const clock = Date.now();
  const auth = lab.authenticator(() => clock);
  const known = await lab.token(project.projectKey);
  const fresh = await lab.token(project.projectKey);
  for (const address of ["10.0.3.0", "10.0.3.1"]) {
    expect(await failureOf(() => auth.authenticate(wrongSecret(known), address))).toBe(
      "Unauthenticated UNAUTHENTICATED",
    );
  }
  const { text: unknown } = drawToken("proj", randomBytes);
  for (const [i, text] of ["nonsense", unknown].entries()) {
    const address = `10.0.3.${2 + i}`;
    await failureOf(() => auth.authenticate(`Bearer ${text}`, address));
    expect(await failureOf(() => auth.authenticate(wrongSecret(known), address))).toBe(
      "ResourceExhausted AUTH_RATE_LIMITED",
    );
  }
  expect(await failureOf(() => auth.authenticate(fresh.header, HERE))).toBe("");
});

it("reads a token again once, however many calls come meanwhile", async () => {
  const clock = { ms: Date.now() };
  let reads = 0;
  const db: Queryable = {
    query: (text, params, options) => {
      if (text.includes("secret_hash")) reads += 1;
      return lab.pool.query(text, params, options);
    },
  };
  const auth = lab.authenticator(() => clock.ms, db);
  const { header } = await lab.token(project.projectKey);
  await auth.authenticate(header, HERE);
  expect(reads).toBe(1);
  clock.ms += 60_001;
  for (let i = 0; i < 50; i++) auth.authenticate(header, HERE);
  expect(reads).toBe(2);
});

it("verifies any number of right secrets at once", async () => {
  // The clock stands still: nothing refills what wrong secrets may use.
  const clock = Date.now();
  const auth = lab.authenticator(() => clock);
  const tokens = await Promise.all(Array.from({ length: 12 }, () => lab.token(project.projectKey)));
  for (const { header } of tokens) {
    expect(await failureOf(() => auth.authenticate(header, HERE))).toBe("");
  }
  const again = lab.authenticator(() => clock);
  const outcomes = tokens.map(({ header }) => failureOf(() => again.authenticate(header, HERE)));
  expect(await Promise.all(outcomes)).toEqual(Array(12).fill(""));
});

it("looks up a bounded number of invented tokens at once", async () => {
  let giveUp = () => {};
  const silence = new Promise<never>((_, reject) => {
    giveUp = () => reject(new DbError("transient", "gone", "", ""));
  });
  const auth = lab.authenticator(Date.now, { query: () => silence });
  const outcomes = Array.from({ length: 257 }, () => {
    const { text } = drawToken("proj", randomBytes);
    return failureOf(() => auth.authenticate(`Bearer ${text}`, HERE));
  });
  expect(await outcomes[256]).toBe("Unavailable VERIFICATION_BUSY");
  giveUp();
  const others = (await Promise.all(outcomes)).slice(0, 256);
  expect(new Set(others)).toEqual(new Set(["Unavailable DATABASE_UNAVAILABLE"]));
});

it("reads a token again after a minute: its settings, and that it is gone", async () => {
  const clock = { ms: Date.now() };
  const auth = lab.authenticator(() => clock.ms);
  const own = await lab.project();
  const token = await lab.token(own.projectKey);
  const rate = async () => {
    const principal: Principal = await auth.authenticate(token.header, HERE);
    return principal.kind === "project" ? principal.callsPerSecond : undefined;
  };
  expect(await rate()).toBe(7);
  await lab.pool.query("UPDATE projects SET calls_per_second = 9 WHERE project_key = $1", [
    own.projectKey,
  ]);
  expect(await rate()).toBe(7);
  clock.ms += 60_001;
  expect(await rate()).toBe(7);
  await expect.poll(rate).toBe(9);
  const ended: string[] = [];
  const principal = await auth.authenticate(token.header, HERE);
  auth.onEnd(principal, (error) => ended.push(reason(error)));
  await lab.pool.query("DELETE FROM tokens WHERE token_id = $1", [token.tokenId]);
  clock.ms += 60_001;
  await expect
    .poll(() => failureOf(() => auth.authenticate(token.header, HERE)))
    .toBe("Unauthenticated UNAUTHENTICATED");
  expect(ended).toEqual(["TOKEN_REVOKED"]);
});

it("lets verified tokens pass while the database is away, for ten minutes; others hear when to retry", async () => {
  const { hostname, port } = new URL(lab.database.url);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const clock = { ms: Date.now() };
  const auth = lab.authenticator(() => clock.ms, lab.connect(proxy.through(lab.database.url)));
  const known = await lab.token(project.projectKey);
  const fresh = await lab.token(project.projectKey);
  await auth.authenticate(known.header, HERE);
  await proxy[Symbol.asyncDispose]();
  expect(await failureOf(() => auth.authenticate(known.header, HERE))).toBe("");
  expect(await failureOf(() => auth.authenticate(fresh.header, HERE))).toBe(
    "Unavailable DATABASE_UNAVAILABLE",
  );
  clock.ms += 590_000;
  expect(await failureOf(() => auth.authenticate(known.header, HERE))).toBe("");
  clock.ms += 11_000;
  expect(await failureOf(() => auth.authenticate(known.header, HERE))).toBe(
    "Unavailable DATABASE_UNAVAILABLE",
  );
});

it("writes when a token was used", async () => {
  const auth = lab.authenticator();
  const token = await lab.token(project.projectKey);
  const before = Date.now();
  await auth.authenticate(token.header, HERE);
  await auth[Symbol.asyncDispose]();
  const used = await readToken(lab.pool, token.tokenId, Infinity);
  expect(used?.lastUseUs).toBeGreaterThanOrEqual(before * 1000);
});

it("audits refusals in one row for each address, id and minute, also of two servers", async () => {
  const now = () => 1_800_000_000_000;
  const own = await lab.project();
  const token = await lab.token(own.projectKey);
  const servers = [lab.authenticator(now), lab.authenticator(now)];
  for (const server of servers) {
    for (let i = 0; i < 3; i++) {
      await failureOf(() => server.authenticate(wrongSecret(token), "10.9.9.9"));
    }
    await failureOf(() => server.authenticate(wrongSecret(token), "10.9.9.8"));
    await failureOf(() => server.authenticate(null, "10.9.9.9"));
    await server[Symbol.asyncDispose]();
  }
  const all = await listAuditEntries(lab.pool, "", null, 100, Infinity);
  const rows = all
    .filter(({ address }) => address.startsWith("10.9.9."))
    .map(({ action, address, subjectId, projectId, count }) => [
      action,
      address,
      subjectId,
      projectId,
      count,
    ]);
  expect(rows.sort()).toEqual([
    ["auth_failed", "10.9.9.8", token.tokenId, own.projectId, "2"],
    ["auth_failed", "10.9.9.9", "", "", "2"],
    ["auth_failed", "10.9.9.9", token.tokenId, own.projectId, "6"],
  ]);
});

function reason(error: ConnectError): string {
  return error.rawMessage.includes("expired") ? "TOKEN_EXPIRED" : "TOKEN_REVOKED";
}
