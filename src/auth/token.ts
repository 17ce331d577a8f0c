/**
 * The form of a token: `tly_<kind>_<id>_<secret>_<crc>`. The id is looked up, the secret is what is hashed, and
 * the checksum lets a mistyped or invented text be refused without touching the database or bcrypt.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** As it stands in the text. */
export type TokenPrefix = "admin" | "proj";

/** A token taken apart. */
export interface TokenParts {
  readonly prefix: TokenPrefix;
  /** Lower-case letters and digits. */
  readonly id: string;
  /** 32 bytes as 64 hexadecimal digits: within the 72 bytes that bcrypt reads. */
  readonly secret: string;
}

/** Random bytes of a secret. */
export const SECRET_BYTES = 32;

/** The text of a token. */
export function formatToken({ prefix, id, secret }: TokenParts): string {
  const body = `tly_${prefix}_${id}_${secret}`;
  return `${body}_${checksum(body)}`;
}

/** The parts of a token; null for any other text, also one whose checksum is wrong. */
export function parseToken(text: string): TokenParts | null {
  const match = text.length > MAX_LENGTH ? null : TOKEN.exec(text);
  if (match === null) return null;
  const [, body = "", prefix, id = "", secret = "", crc] = match;
  if (checksum(body) !== crc) return null;
  return { prefix: prefix === "admin" ? "admin" : "proj", id, secret };
}

/** What a caller claims: an id to look up, and the secret to compare with its hash. */
export interface Claim {
  readonly tokenId: string;
  readonly secret: string;
  /** As the text says; the stored token must agree. */
  readonly kind: "admin" | "project";
}

/** The id of an operator's own text as admin token. No token drawn here can have it. */
const CONFIGURED_ID = "configured";

/**
 * The claim of a text: of a token, or of an operator's own text of 24 to 512 characters, whose digest is the
 * secret, because bcrypt reads 72 bytes. Null for any other text.
 */
export function readClaim(text: string): Claim | null {
  if (text.startsWith("tly_")) {
    const parts = parseToken(text);
    if (parts === null) return null;
    const { prefix, id, secret } = parts;
    return { tokenId: id, secret, kind: prefix === "admin" ? "admin" : "project" };
  }
  if (text.length < CONFIGURED_MIN_LENGTH || text.length > CONFIGURED_MAX_LENGTH) return null;
  const secret = createHash("sha256").update(text).digest("base64url");
  return { tokenId: CONFIGURED_ID, secret, kind: "admin" };
}

/** The id that a text claims, without a look at the rest: what a verified token is remembered under. */
export function claimedId(text: string): string {
  if (!text.startsWith("tly_")) return CONFIGURED_ID;
  const start = text.indexOf("_", 4) + 1;
  return text.slice(start, text.indexOf("_", start));
}

/** The text after `Bearer`; null if there is none. */
export function readBearer(authorization: string | null): string | null {
  if (authorization === null || authorization.slice(0, 7).toLowerCase() !== "bearer ") return null;
  const text = authorization.slice(7).trim();
  return text === "" ? null : text;
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, "0");
}

const CONFIGURED_MIN_LENGTH = 24;
const CONFIGURED_MAX_LENGTH = 512;
const MAX_LENGTH = 160;
const TOKEN = /^(tly_(admin|proj)_([a-z0-9]{1,60})_([0-9a-f]{64}))_([0-9a-f]{8})$/;
