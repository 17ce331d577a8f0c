import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { drawToken } from "../../src/auth/draw-token.js";
import {
  claimedId,
  formatToken,
  parseToken,
  readBearer,
  readClaim,
  type TokenPrefix,
} from "../../src/auth/token.js";

const parts = { prefix: "proj" as const, id: "abc234", secret: "0f".repeat(32) };
const text = formatToken(parts);

it("has the form of the contract", () => {
  expect(text).toMatch(/^tly_proj_abc234_(0f){32}_[0-9a-f]{8}$/);
  expect(parseToken(text)).toEqual(parts);
});

it("reads back every token it draws", () => {
  for (const prefix of ["admin", "proj"] satisfies TokenPrefix[]) {
    const drawn = drawToken(prefix, randomBytes);
    expect(parseToken(drawn.text)).toEqual({ prefix, id: drawn.tokenId, secret: drawn.secret });
    expect(claimedId(drawn.text)).toBe(drawn.tokenId);
  }
});

it("draws 32 bytes of secret and another token each time", () => {
  const drawn = Array.from({ length: 100 }, () => drawToken("proj", randomBytes));
  expect(new Set(drawn.map(({ tokenId }) => tokenId)).size).toBe(100);
  for (const { secret } of drawn) expect(Buffer.from(secret, "hex")).toHaveLength(32);
});

it("refuses every token with one character changed", () => {
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.integer({ min: 33, max: 126 }), (at, code) => {
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      expect(parseToken(changed)).toEqual(changed === text ? parts : null);
    }),
  );
});

it.each(["", "tly_", "tly_proj", text.slice(1), `${text}0`, `${text}\n`, text.toUpperCase()])(
  "refuses %j",
  (wrong) => {
    expect(parseToken(wrong)).toBeNull();
  },
);

it("takes an operator's own text of 24 characters or more by its digest", () => {
  const own = "x".repeat(24);
  expect(readClaim(own)).toMatchObject({ tokenId: "configured", kind: "admin" });
  expect(readClaim(own.slice(1))).toBeNull();
  expect(readClaim("x".repeat(513))).toBeNull();
  // bcrypt would read 72 bytes and take both for the same.
  const long = "y".repeat(80);
  expect(readClaim(`${long}a`)?.secret).not.toBe(readClaim(`${long}b`)?.secret);
  expect(readClaim(`tly_${"x".repeat(40)}`)).toBeNull();
});

it.each([
  [null, null],
  ["", null],
  ["Bearer", null],
  ["Bearer   ", null],
  ["Basic abc", null],
  ["Bearer abc", "abc"],
  ["bearer  abc ", "abc"],
])("reads the header %j", (header, token) => {
  expect(readBearer(header)).toBe(token);
});
