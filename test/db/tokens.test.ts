import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Connection } from "../../src/db/client.js";
import { createOrganization } from "../../src/db/organizations.js";
import { createProject, deleteProject, readProject } from "../../src/db/projects.js";
import { base32 } from "../../src/db/tenancy-ids.js";
import { markUsed, readCredential } from "../../src/db/token-credentials.js";
import {
  createFirstAdminToken,
  createToken,
  readToken,
  revokeToken,
  setAdminToken,
} from "../../src/db/tokens.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { countLockWaiters } from "../support/lock-waiters.js";

let database: TestDatabase;
let db: Connection;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Connection({ url: database.url, prepare: true });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const actor = { tokenId: "tester", address: "" };
const secretHash = "x".repeat(60);

async function project() {
  const projectId = `prj_${base32(randomBytes(20))}`;
  const organizationId = `org_${base32(randomBytes(20))}`;
  const [name, settings] = [
    projectId,
    {
      retentionDays: 0,
      defaultBranch: "",
      eventPolicy: 0,
      keptRefusalBytes: 0n,
      callsPerSecond: 0,
      eventRetentionDays: 0,
    },
  ];
  await createOrganization(db, { organizationId, name }, actor, Infinity);
  await createProject(db, { projectId, organizationId, name, settings }, actor, Infinity);
  const stored = await readProject(db, projectId, Infinity);
  return { projectId, projectKey: stored?.projectKey ?? "" };
}

function token(projectKey: string | null, tokenId = base32(randomBytes(16))) {
  const scopes = projectKey === null ? 0 : 1;
  const made = { tokenId, projectKey, name: "x", scopes, secretHash, expireUs: null };
  return createToken(db, made, actor, Infinity);
}

const lastUse = async (tokenId: string) => (await readToken(db, tokenId, Infinity))?.lastUseUs;

it("keeps the latest use of a token, whichever server writes last", async () => {
  const tokenId = (await token(null))?.tokenId ?? "";
  await markUsed(db, [{ tokenId, usedUs: 2_000_000 }]);
  await markUsed(db, [{ tokenId, usedUs: 1_000_000 }]);
  expect(await lastUse(tokenId)).toBe(2_000_000);
  await markUsed(db, [{ tokenId, usedUs: 3_000_000 }]);
  expect(await lastUse(tokenId)).toBe(3_000_000);
});

it("marks the others while somebody holds one token's row", async () => {
  const held = (await token(null))?.tokenId ?? "";
  const free = (await token(null))?.tokenId ?? "";
  await using holder = new Connection({ url: database.url, prepare: false });
  const holding = holder
    .run(`BEGIN; SELECT FROM tokens WHERE token_id = '${held}' FOR UPDATE; SELECT pg_sleep(30);`)
    .catch(() => "let go");
  const sleeper = `
    FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'`;
  await expect.poll(() => db.query(`SELECT pid ${sleeper}`)).toHaveLength(1);
  await markUsed(
    db,
    [held, free].map((tokenId) => ({ tokenId, usedUs: 1_000_000 })),
  );
  expect([await lastUse(held), await lastUse(free)]).toEqual([null, 1_000_000]);
  await db.query(`SELECT pg_terminate_backend(pid) ${sleeper}`);
  expect(await holding).toBe("let go");
});

it("never turns a project's token into an admin's", async () => {
  const own = await project();
  const tokenId = (await token(own.projectKey))?.tokenId ?? "";
  const wanted = { tokenId, name: "admin", secretHash: "y".repeat(60) };
  expect(await setAdminToken(db, wanted)).toBe(false);
  expect(await readCredential(db, tokenId, Infinity)).toMatchObject({
    kind: "project",
    secretHash,
  });
});

it("makes no token for a project that is gone, and does not show those it had", async () => {
  const own = await project();
  const before = (await token(own.projectKey))?.tokenId ?? "";
  await deleteProject(db, own.projectId, actor, Infinity);
  expect(await token(own.projectKey, "toolate")).toBeNull();
  expect(await db.query("SELECT 1 FROM tokens WHERE token_id = 'toolate'")).toEqual([]);
  expect(await readToken(db, before, Infinity)).toBeNull();
  expect(await revokeToken(db, before, null, actor, Infinity)).toBeNull();
  // Who has the right secret hears that it has ended.
  expect(await readCredential(db, before, Infinity)).toMatchObject({ ended: true });
});

it("makes no first admin token beside one that has not committed yet", async () => {
  await using own = await createTestDatabase();
  await using first = new Connection({ url: own.url, prepare: false });
  await using second = new Connection({ url: own.url, prepare: false });
  await using watcher = new Connection({ url: own.url, prepare: false });
  await first.run(`BEGIN; SELECT create_first_admin_token('first', 'x', '${secretHash}')`);
  const wanted = { tokenId: "second", name: "x", secretHash };
  const made = createFirstAdminToken(second, wanted);
  await expect.poll(() => countLockWaiters(watcher)).toBe(1);
  await first.run("COMMIT");
  expect(await made).toBe(false);
});
