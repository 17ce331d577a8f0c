/** The admin token that a new installation starts with. */
import { open, readFile, rename } from "node:fs/promises";
import type { Queryable } from "../db/queryable.js";
import { withRetries } from "../db/retry.js";
import { readCredential } from "../db/token-credentials.js";
import { createFirstAdminToken, setAdminToken } from "../db/tokens.js";
import type { Logger } from "../log.js";
import { drawToken } from "./draw-token.js";
import type { SecretHasher } from "./secret-hasher.js";
import { readClaim } from "./token.js";

/** What the first token needs, and where it comes from or goes to. */
export interface AdminTokenOptions {
  readonly db: Queryable;
  readonly hasher: SecretHasher;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly log: Logger;
  /** An operator's own: a `tly_admin_…` token, or any other text of 24 to 512 characters. */
  readonly configuredToken?: string | undefined;
  /** Where the embedded database's token is kept. */
  readonly tokenFile?: string | undefined;
}

/**
 * An admin token works, unless the configured one was revoked; answers the one that this call made, to be
 * printed this once, else null.
 * - Configured: stored under its id (`configured` for a text of one's own), in place of another secret there.
 *   Revoked, it stays revoked until another one is configured. No longer configured, it goes on to work
 *   until it is revoked.
 * - With a file: the token in it works. A lost file gets a new token, because who owns the folder owns the
 *   database; the old one works until it is revoked.
 * - Else one is made if none works; of several servers that start at once, one makes it.
 */
export async function ensureAdminToken(options: AdminTokenOptions): Promise<string | null> {
  const { configuredToken, tokenFile } = options;
  if (configuredToken !== undefined) {
    await ensureConfigured(options, configuredToken);
    return null;
  }
  return tokenFile === undefined ? createFirst(options) : ensureInFile(options, tokenFile);
}

async function ensureConfigured(options: AdminTokenOptions, text: string): Promise<void> {
  const { db, hasher, log } = options;
  const claim = readClaim(text);
  if (claim === null || claim.kind !== "admin") {
    throw new Error(
      "TALLY_ADMIN_TOKEN is neither a whole tly_admin_… token nor another text of 24 to 512 characters",
    );
  }
  const { tokenId, secret } = claim;
  const stored = await readCredential(db, tokenId, Infinity);
  if (stored !== null && (await hasher.matches(secret, stored.secretHash))) {
    if (stored.ended) {
      log.warn(
        { event: "configured_token_revoked", token_id: tokenId },
        "TALLY_ADMIN_TOKEN was revoked and stays so: configure another one",
      );
    }
    return;
  }
  await store(options, tokenId, secret, "TALLY_ADMIN_TOKEN");
}

async function ensureInFile(options: AdminTokenOptions, path: string): Promise<string | null> {
  const { db, log } = options;
  const kept = await readToken(path);
  if (kept !== null) {
    const stored = await readCredential(db, kept.tokenId, Infinity);
    if (stored === null) {
      // The server ended between writing the file and storing the token, or the database is a new one.
      await store(options, kept.tokenId, kept.secret, FIRST_NAME);
      return kept.text;
    }
    if (!stored.ended) return null;
    const first = await createFirst(options);
    if (first !== null) await writeToken(path, first);
    return first;
  }
  const { tokenId, secret, text } = drawToken("admin", options.randomBytes);
  // First the file: a token that is stored but written nowhere would be of no use to anybody.
  await writeToken(path, text);
  await store(options, tokenId, secret, FIRST_NAME);
  log.info({ event: "admin_token_created", token_id: tokenId });
  return text;
}

async function createFirst(options: AdminTokenOptions): Promise<string | null> {
  const { db, hasher, log, randomBytes } = options;
  const { tokenId, secret, text } = drawToken("admin", randomBytes);
  const secretHash = await hasher.hash(secret);
  const made = await withRetries(
    () => createFirstAdminToken(db, { tokenId, name: FIRST_NAME, secretHash }),
    { deadlineAt: Date.now() + START_TIMEOUT_MS, random: () => 0.5 },
  );
  // It may be this call's all the same: then the answer to its first attempt was lost.
  if (!made && (await readCredential(db, tokenId, Infinity)) === null) return null;
  log.info({ event: "admin_token_created", token_id: tokenId });
  return text;
}

async function store(
  { db, hasher }: AdminTokenOptions,
  tokenId: string,
  secret: string,
  name: string,
): Promise<void> {
  const secretHash = await hasher.hash(secret);
  if (!(await setAdminToken(db, { tokenId, name, secretHash }))) {
    throw new Error(`the admin token has the id of a project's token, ${tokenId}`);
  }
}

/** Null if there is no file, or nothing in it that can be used. */
async function readToken(
  path: string,
): Promise<{ tokenId: string; secret: string; text: string } | null> {
  let text: string;
  try {
    text = (await readFile(path, "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const claim = text.startsWith("tly_admin_") ? readClaim(text) : null;
  return claim === null ? null : { tokenId: claim.tokenId, secret: claim.secret, text };
}

/** Whole or not at all, and never readable by others. */
async function writeToken(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    // An older file of that name keeps its mode otherwise.
    await file.chmod(0o600);
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

const START_TIMEOUT_MS = 30_000;
const FIRST_NAME = "first admin token";
