/**
 * Tells who calls. A token is hashed once in a process: then an HMAC of it under a key of this process is
 * remembered, and its calls pass without waiting (7 µs each, on 2 shared cores). That a token has ended is
 * learnt by polling.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Code, ConnectError } from "@connectrpc/connect";
import { type BoundedCache, createBoundedCache } from "../bounded-cache.js";
import { DbError } from "../db/errors.js";
import type { Queryable } from "../db/queryable.js";
import { listEnded, readCredential, type TokenCredential } from "../db/token-credentials.js";
import type { Logger } from "../log.js";
import {
  databaseAway,
  tokenExpired,
  tokenRevoked,
  unauthenticated,
  verificationBusy,
} from "./auth-errors.js";
import type { Authenticator } from "./authenticator.js";
import { createFailureLimits } from "./failure-limits.js";
import type { Principal } from "./principal.js";
import { createRefusalLog } from "./refusal-log.js";
import { repeat } from "./repeat.js";
import { scopesOf } from "./scopes.js";
import type { SecretHasher } from "./secret-hasher.js";
import { type Claim, claimedId, readBearer, readClaim } from "./token.js";
import { createTokenWatch } from "./token-watch.js";
import { createUseLog } from "./use-log.js";

/** What authentication works with. */
export interface TokenAuthenticatorDeps {
  readonly db: Queryable;
  /** Disposed by its owner, after this. */
  readonly hasher: SecretHasher;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A token whose secret was right. */
interface Verified {
  readonly mac: Buffer;
  readonly credential: TokenCredential;
  readonly principal: Principal;
  readonly expiresAt: number;
  readAt: number;
  usedAt: number;
}

/** What came of verifying: errors are made anew for each caller. */
type Verdict =
  | { readonly verified: Verified }
  | { readonly refuse: () => unknown; readonly projectId: string };

const VERIFIED_TOKENS = 20_000;
const ENDED_PROJECTS = 10_000;
/** Once a token was read this long ago, its next call reads it again, without waiting for it. */
const REREAD_AFTER_MS = 60_000;
const NOTE_USE_AFTER_MS = 60_000;
const POLL_EVERY_MS = 500;
/** Each poll looks back this far, so that a slow commit or a lost answer hides nothing. */
const POLL_BACK_MS = 120_000;
/**
 * For how long verified tokens pass while the database cannot be asked. Streams that are open and calls that
 * need no database go on through a restart of it; a revocation meanwhile is unknown for as long.
 */
const UNASKED_MS = 600_000;
/** Tokens that are looked up or hashed at one time; it spares the database from a flood of invented ones. */
const MAX_VERIFYING = 256;
const FLUSH_EVERY_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 5_000;

/** Owns the polls, and what is remembered of tokens. */
export class TokenAuthenticator implements Authenticator, AsyncDisposable {
  readonly #deps: TokenAuthenticatorDeps;
  readonly #macKey = randomBytes(32);
  readonly #verified: BoundedCache<string, Verified> = createBoundedCache(VERIFIED_TOKENS);
  readonly #verifying = new Map<string, Promise<Verdict>>();
  readonly #rereading = new Set<string>();
  /** When a principal's token expires; Infinity for never. */
  readonly #expiries = new WeakMap<Principal, number>();
  readonly #endedProjects: BoundedCache<string, true> = createBoundedCache(ENDED_PROJECTS);
  readonly #watch = createTokenWatch();
  readonly #limits;
  readonly #refusals;
  readonly #uses;
  readonly #loops: AsyncDisposable[];
  #polledAt: number;
  #databaseAway = false;

  /** Starts to poll at once. */
  constructor(deps: TokenAuthenticatorDeps) {
    this.#deps = deps;
    this.#limits = createFailureLimits(deps.now);
    this.#refusals = createRefusalLog(deps.db, deps.now);
    this.#uses = createUseLog(deps.db);
    this.#polledAt = deps.now();
    this.#loops = [
      repeat(
        POLL_EVERY_MS,
        () => this.#poll(),
        (error) => this.#polled(error),
      ),
      repeat(
        FLUSH_EVERY_MS,
        () => this.#flush(),
        // What was not written stays for the next round; the poll reports the database.
        () => {},
      ),
    ];
  }

  authenticate(authorization: string | null, address: string): Principal | Promise<Principal> {
    const text = readBearer(authorization);
    if (text === null) throw this.#refused(unauthenticated(), address, "", "");
    const mac = createHmac("sha256", this.#macKey).update(text).digest();
    const verified = this.#verified.get(claimedId(text));
    if (verified !== undefined && timingSafeEqual(verified.mac, mac)) {
      return this.#admit(verified, address);
    }
    const claim = readClaim(text);
    if (claim === null) {
      this.#limits.suspect(address);
      throw this.#refused(unauthenticated(), address, "", "");
    }
    return this.#verify(claim, mac, address);
  }

  onEnd(principal: Principal, listener: (error: ConnectError) => void): () => void {
    const { tokenId } = principal;
    const projectKey = principal.kind === "project" ? principal.projectKey : "";
    const expiresAt = this.#expiries.get(principal) ?? Infinity;
    const unsubscribe = this.#watch.add({ tokenId, projectKey, expiresAt }, listener);
    // It may have ended since the call was let in. A revoked token comes up again in the next poll.
    if (this.#endedProjects.get(projectKey)) {
      queueMicrotask(() => this.#watch.endProjects(new Set([projectKey])));
    }
    return unsubscribe;
  }

  /** The audit log counts a refusal that was not of a token. Never fails and never waits. */
  noteRefusal(address: string): void {
    this.#refusals.note(address, "", "");
  }

  /** Writes what is to be written, once. Leaves the hasher to its owner. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop[Symbol.asyncDispose]()));
    // Without a database there is nothing to be done for it.
    await this.#flush().catch(() => {});
  }

  /** The principal, if the token still works. */
  #admit(verified: Verified, address: string): Principal {
    const now = this.#deps.now();
    const { credential, principal } = verified;
    if (now - verified.readAt > REREAD_AFTER_MS) this.#reread(verified);
    if (credential.ended || this.#endedProjects.get(credential.projectKey)) {
      throw this.#refused(tokenRevoked(), address, credential.tokenId, credential.projectId);
    }
    if (verified.expiresAt <= now) {
      throw this.#refused(tokenExpired(), address, credential.tokenId, credential.projectId);
    }
    if (now - this.#polledAt > UNASKED_MS) throw databaseAway();
    if (now - verified.usedAt > NOTE_USE_AFTER_MS) {
      verified.usedAt = now;
      this.#uses.note(credential.tokenId, now);
    }
    return principal;
  }

  async #verify(claim: Claim, mac: Buffer, address: string): Promise<Principal> {
    const key = mac.toString("base64");
    let flight = this.#verifying.get(key);
    if (flight === undefined) {
      if (this.#verifying.size >= MAX_VERIFYING) throw verificationBusy();
      flight = this.#judge(claim, mac, address).finally(() => this.#verifying.delete(key));
      this.#verifying.set(key, flight);
    }
    const verdict = await flight;
    if ("verified" in verdict) return this.#admit(verdict.verified, address);
    const error = verdict.refuse();
    if (error instanceof ConnectError && error.code !== Code.Unavailable) {
      throw this.#refused(error, address, claim.tokenId, verdict.projectId);
    }
    throw error;
  }

  async #judge(claim: Claim, mac: Buffer, address: string): Promise<Verdict> {
    const { db, hasher, now } = this.#deps;
    const { tokenId, secret, kind } = claim;
    let projectId = "";
    try {
      this.#limits.checkPair(address, tokenId);
      const readAt = now();
      const credential = await readCredential(db, tokenId, Date.now() + STATEMENT_TIMEOUT_MS);
      if (credential === null || credential.kind !== kind) {
        this.#limits.suspect(address);
        return { refuse: unauthenticated, projectId };
      }
      projectId = credential.projectId;
      const other = this.#verified.get(tokenId);
      // Another secret is known to be the right one: no need to hash this one.
      const isWrong = other?.credential.secretHash === credential.secretHash;
      let hashedFrom = Infinity;
      const admit = () => {
        this.#limits.takeHash(address);
        hashedFrom = now();
      };
      const matches = !isWrong && (await hasher.matches(secret, credential.secretHash, admit));
      if (!matches) {
        this.#limits.failed(address, tokenId, Math.max(0, now() - hashedFrom));
        return { refuse: unauthenticated, projectId };
      }
      this.#limits.returnHash();
      return { verified: this.#remember(mac, credential, readAt) };
    } catch (error) {
      if (error instanceof DbError) return { refuse: () => databaseAway(error), projectId };
      return { refuse: () => error, projectId };
    }
  }

  #remember(mac: Buffer, credential: TokenCredential, readAt: number): Verified {
    const { tokenId, expireUs } = credential;
    const verified: Verified = {
      mac,
      credential,
      principal: principalOf(credential),
      expiresAt: expireUs === null ? Infinity : expireUs / 1000,
      readAt,
      usedAt: 0,
    };
    this.#verified.set(tokenId, verified);
    this.#expiries.set(verified.principal, verified.expiresAt);
    return verified;
  }

  /** Reads a verified token again, in the background: its settings, and whether it is there at all. */
  #reread({ mac, credential: { tokenId, secretHash } }: Verified): void {
    if (this.#rereading.has(tokenId)) return;
    this.#rereading.add(tokenId);
    const readAt = this.#deps.now();
    readCredential(this.#deps.db, tokenId, Date.now() + STATEMENT_TIMEOUT_MS)
      .then((credential) => {
        const isSame = credential?.secretHash === secretHash;
        if (credential !== null && isSame) this.#remember(mac, credential, readAt);
        else this.#verified.delete(tokenId);
        if (!isSame || credential?.ended === true) this.#watch.endToken(tokenId);
      })
      // The next call tries again; the polls bound for how long that may go on.
      .catch(() => {})
      .finally(() => this.#rereading.delete(tokenId));
  }

  async #poll(): Promise<void> {
    const { db, now } = this.#deps;
    const startedAt = now();
    this.#watch.endExpired(startedAt);
    const backMs = POLL_BACK_MS + Math.max(0, startedAt - this.#polledAt);
    const ended = await listEnded(db, backMs, Date.now() + STATEMENT_TIMEOUT_MS);
    for (const tokenId of ended.tokenIds) {
      const verified = this.#verified.get(tokenId);
      if (verified !== undefined && !verified.credential.ended) {
        // Kept, so that the right secret goes on hearing why without being hashed again.
        this.#remember(verified.mac, { ...verified.credential, ended: true }, startedAt);
      }
      this.#watch.endToken(tokenId);
    }
    const fresh = ended.projectKeys.filter((key) => !this.#endedProjects.get(key));
    for (const key of fresh) this.#endedProjects.set(key, true);
    if (fresh.length > 0) this.#watch.endProjects(new Set(fresh));
    this.#polledAt = startedAt;
  }

  #polled(error: unknown): void {
    const { log } = this.#deps;
    const isAway = error !== undefined;
    if (isAway === this.#databaseAway) return;
    this.#databaseAway = isAway;
    if (isAway) log.warn({ event: "token_poll_failed", err: error }, "revocations are not seen");
    else log.info({ event: "token_poll_resumed" });
  }

  async #flush(): Promise<void> {
    await Promise.all([this.#refusals.flush(), this.#uses.flush()]);
  }

  #refused(error: ConnectError, address: string, tokenId: string, projectId: string): ConnectError {
    this.#refusals.note(address, tokenId, projectId);
    return error;
  }
}

function principalOf(credential: TokenCredential): Principal {
  const { tokenId, kind, projectId, projectKey, callsPerSecond } = credential;
  if (kind === "admin") return { kind, tokenId };
  const scopes = new Set(scopesOf(credential.scopes));
  return { kind, tokenId, projectId, projectKey, scopes, callsPerSecond };
}
