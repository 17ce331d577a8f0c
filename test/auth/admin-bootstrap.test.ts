import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ensureAdminToken } from "../../src/auth/admin-bootstrap.js";
import { drawToken } from "../../src/auth/draw-token.js";
import { DbError } from "../../src/db/errors.js";
import type { Queryable } from "../../src/db/queryable.js";
import { listTokens, revokeToken } from "../../src/db/tokens.js";
import { createLogger } from "../../src/log.js";
import { AuthLab, actor, failureOf } from "./support.js";

let lab: AuthLab;
let folder: string;
beforeEach(async () => {
  lab = await AuthLab.start();
  folder = await mkdtemp(join(tmpdir(), "tally-admin-"));
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const ensure = (more: { configuredToken?: string; tokenFile?: string; db?: Queryable } = {}) =>
  ensureAdminToken({
    db: lab.pool,
    hasher: lab.hasher,
    randomBytes,
    log: createLogger("silent"),
    ...more,
  });
const works = async (token: string | null) =>
  (await failureOf(() => lab.authenticator().authenticate(`Bearer ${token}`, ""))) === "";
const adminTokens = () => listTokens(lab.pool, null, null, 100, Infinity);

it("makes one token at the first start, whichever of three servers is first", async () => {
  const made = (await Promise.all([ensure(), ensure(), ensure()])).filter((each) => each !== null);
  expect(made).toHaveLength(1);
  expect(await works(made[0] ?? null)).toBe(true);
  expect(await adminTokens()).toHaveLength(1);
  expect(await ensure()).toBeNull();
});

it("makes another one when none works any more", async () => {
  const first = await ensure();
  const [stored] = await adminTokens();
  await revokeToken(lab.pool, stored?.tokenId ?? "", null, actor, Infinity);
  const second = await ensure();
  expect(second).not.toBeNull();
  expect(second).not.toBe(first);
  expect(await works(second)).toBe(true);
});

it("knows its own token when the answer of the first attempt is lost", async () => {
  let lost = 0;
  const db: Queryable = {
    async query(text, params, options) {
      const rows = await lab.pool.query<never>(text, params, options);
      if (!text.includes("create_first_admin_token") || lost > 0) return rows;
      lost += 1;
      throw new DbError("transient", "the answer is lost", "", "");
    },
  };
  const token = await ensure({ db });
  expect(lost).toBe(1);
  expect(await works(token)).toBe(true);
  expect(await adminTokens()).toHaveLength(1);
});

it("writes another one into the file when the one in it was revoked", async () => {
  const tokenFile = join(folder, "admin-token");
  const first = await ensure({ tokenFile });
  const [stored] = await adminTokens();
  await revokeToken(lab.pool, stored?.tokenId ?? "", null, actor, Infinity);
  const second = await ensure({ tokenFile });
  expect(second).not.toBe(first);
  expect(await readFile(tokenFile, "utf8")).toBe(`${second}\n`);
  expect(await works(second)).toBe(true);
});

it("keeps the embedded database's token in a file that only its owner reads", async () => {
  const tokenFile = join(folder, "admin-token");
  // Left behind by a start that was cut short.
  await writeFile(`${tokenFile}.new`, "tly_ad", { mode: 0o644 });
  const token = await ensure({ tokenFile });
  expect(await readFile(tokenFile, "utf8")).toBe(`${token}\n`);
  expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
  expect(await works(token)).toBe(true);
  expect(await ensure({ tokenFile })).toBeNull();
  expect(await adminTokens()).toHaveLength(1);
});

it("stores the token of a file whose start was cut short", async () => {
  const tokenFile = join(folder, "admin-token");
  const { text } = drawToken("admin", randomBytes);
  await writeFile(tokenFile, `${text}\n`);
  expect(await ensure({ tokenFile })).toBe(text);
  expect(await works(text)).toBe(true);
});

it.each(["", "nonsense\n", "tly_admin_cut"])(
  "replaces a lost or broken file (%j), and the old token goes on to work",
  async (content) => {
    const tokenFile = join(folder, "admin-token");
    const first = await ensure({ tokenFile });
    if (content === "") await rm(tokenFile);
    else await writeFile(tokenFile, content);
    const second = await ensure({ tokenFile });
    expect(second).not.toBe(first);
    expect(await readFile(tokenFile, "utf8")).toBe(`${second}\n`);
    expect([await works(first), await works(second)]).toEqual([true, true]);
  },
);

it.each([
  ["a token", drawToken("admin", randomBytes).text],
  [
    "a text of one's own",
    "correct horse battery staple, and more of it than the 72 bytes bcrypt has",
  ],
])("takes %s from the configuration", async (_, configuredToken) => {
  expect(await ensure({ configuredToken })).toBeNull();
  expect(await works(configuredToken)).toBe(true);
  expect(await works(`${configuredToken}x`)).toBe(false);
  await ensure({ configuredToken });
  expect(await adminTokens()).toHaveLength(1);
  // With it there is no need for a first one.
  expect(await ensure()).toBeNull();
});

it("replaces the configured text, and leaves a revoked one revoked", async () => {
  const [old, next] = ["the first text of an operator", "the second text of an operator"];
  await ensure({ configuredToken: old });
  await revokeToken(lab.pool, "configured", null, actor, Infinity);
  await ensure({ configuredToken: old });
  expect(await works(old)).toBe(false);
  await ensure({ configuredToken: next });
  expect([await works(old), await works(next)]).toEqual([false, true]);
});

it.each([
  ["a short text", "too short"],
  ["a project's token", drawToken("proj", randomBytes).text],
  ["a token that is cut", drawToken("admin", randomBytes).text.slice(0, -1)],
])("refuses to start with %s", async (_, configuredToken) => {
  await expect(ensure({ configuredToken })).rejects.toThrow("TALLY_ADMIN_TOKEN is neither");
});
