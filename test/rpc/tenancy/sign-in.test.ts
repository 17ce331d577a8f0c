import { randomBytes } from "node:crypto";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, expect, it } from "vitest";
import { TokenKind } from "../../../gen/tally/v1/tenancy_pb.js";
import { startTally } from "../../../src/app.js";
import { createTallyClient } from "../../../src/client/index.js";
import { loadConfig } from "../../../src/config.js";
import { DbError } from "../../../src/db/errors.js";
import type { Queryable } from "../../../src/db/queryable.js";
import { createLogger } from "../../../src/log.js";
import { createTestDatabase } from "../../support/database.js";
import { failure, losingAnswers, TenancyLab } from "./support.js";

const DAY_MS = 86_400_000;
let lab: TenancyLab;
beforeEach(async () => {
  lab = await TenancyLab.start();
});
afterEach(() => lab[Symbol.asyncDispose]());

const exchange = (code: string, db?: Queryable, timeoutMs?: number) =>
  lab.call("exchangeSignInCode", { code }, null, db, timeoutMs);
const refused = { code: "Unauthenticated", reason: "SIGN_IN_CODE_REFUSED" };
const adminTokens = async () => (await lab.call("listTokens", {})).tokens;

it("gives an admin token of 30 days for the code, once, and keeps in the audit log who took it", async () => {
  const { token, secret } = await exchange(lab.signInCode);
  expect(token).toMatchObject({
    kind: TokenKind.ADMIN,
    name: "dashboard sign-in",
    projectId: "",
    scopes: [],
  });
  expect(secret).toMatch(/^tly_admin_/);
  const endsAt = token?.expireTime === undefined ? 0 : timestampMs(token.expireTime);
  expect(Math.abs(endsAt - Date.now() - 30 * DAY_MS)).toBeLessThan(60_000);
  expect(await failure(exchange(lab.signInCode))).toMatchObject(refused);
  expect(await adminTokens()).toMatchObject([token]);
  const { auditEntries } = await lab.call("listAuditEntries", {});
  expect(auditEntries).toMatchObject([
    {
      action: "token_created",
      actorTokenId: "",
      subjectId: token?.tokenId,
      address: "10.0.0.1",
    },
  ]);
  expect(lab.refusedFrom).toEqual(["10.0.0.1"]);
  const shown = JSON.stringify([lab.lines, await lab.pool.query("SELECT t::text FROM tokens t")]);
  expect(shown).not.toContain(lab.signInCode);
  expect(shown).not.toContain(secret.split("_")[3]);
});

it("makes one token of two exchanges at once", async () => {
  const outcomes = await Promise.allSettled([
    exchange(lab.signInCode),
    exchange(lab.signInCode),
    exchange(lab.signInCode),
  ]);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await adminTokens()).toHaveLength(1);
});

it("makes one token when the answer of the first attempt is lost", async () => {
  const db = losingAnswers(lab.pool, /INSERT INTO tokens/);
  await exchange(lab.signInCode, db);
  expect(db.lost).toBe(1);
  expect(await adminTokens()).toHaveLength(1);
});

it("keeps the code while the database is away", async () => {
  const away: Queryable = {
    query: () => Promise.reject(new DbError("transient", "away", "", "")),
  };
  expect(await failure(exchange(lab.signInCode, away, 100))).toMatchObject({
    code: "Unavailable",
    reason: "DATABASE_UNAVAILABLE",
  });
  expect((await exchange(lab.signInCode)).secret).toMatch(/^tly_admin_/);
});

it("needs a code", async () => {
  expect(await failure(exchange(""))).toMatchObject({ code: "InvalidArgument", fields: ["code"] });
  expect(lab.refusedFrom).toEqual([]);
});

it("needs no token over HTTP, limits guesses and counts them in the audit log", async () => {
  await using database = await createTestDatabase();
  const config = loadConfig({
    DATABASE_URL: database.url,
    TALLY_PORT: "0",
    TALLY_BCRYPT_COST: "4",
  });
  await using tally = await startTally(config, createLogger("silent"), { foldHere: true });
  const post = async (code: string) => {
    const response = await fetch(`${tally.url}/tally.v1.TenancyService/ExchangeSignInCode`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    const answer = (await response.json()) as { secret?: string; message?: string };
    return [response.status, answer] as const;
  };
  const [status, { secret = "" }] = await post(tally.signInCode ?? "");
  expect(status).toBe(200);
  const guesses: number[] = [];
  for (let i = 0; i < 12; i++) guesses.push((await post(randomBytes(9).toString("hex")))[0]);
  expect(guesses).toEqual([...Array(10).fill(401), 429, 429]);
  expect((await post("x".repeat(5000)))[1].message).toContain("larger than 4096 bytes");
  const client = createTallyClient({ url: tally.url, token: secret });
  await expect
    .poll(async () => (await client.tenancy.listAuditEntries({})).auditEntries)
    .toContainEqual(
      expect.objectContaining({ action: "auth_failed", subjectId: "", address: "127.0.0.1" }),
    );
  client.close();
});
